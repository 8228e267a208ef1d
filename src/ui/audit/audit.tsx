/** The audit log with its filters, which are in the URL, and the check of its chain. */
import {
  Alert,
  Button,
  FormSelect,
  FormSelectOption,
  InputGroup,
  InputGroupText,
  TextInput,
  Title,
  Toolbar,
  ToolbarContent,
  ToolbarItem,
} from '@patternfly/react-core'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import type { AuditVerdict } from '../../api/audit.ts'
import type { Project } from '../../api/project.ts'
import type { User } from '../../api/user.ts'
import { call, useChange, useChoices } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { ApiCallButton } from '../parts/api-call.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { useTitle } from '../parts/use-title.ts'
import { usePreferences } from '../session/preferences.ts'
import { may, useSession } from '../session/session.ts'
import type { Search } from '../shell/router.tsx'
import { momentOf, type TimeZone } from '../text/time-zone.ts'
import { type AuditQuery, AuditTable } from './table.tsx'
import { words } from './text.ts'

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** From the URL to what the API takes; what is no time or no id yet is left out. */
function queryOf(search: Search, zone: TimeZone): AuditQuery {
  const { user_id, project_id, action, resource_id, refused, since, until } = search
  const time = (text: string | undefined) => {
    // As the field has it, without a zone: in the one that times are shown in.
    const at = text ? momentOf(text, zone) : Number.NaN
    return Number.isNaN(at) ? undefined : new Date(at).toISOString()
  }
  const [from, to] = [time(since), time(until)]
  return {
    ...(user_id && uuid.test(user_id) && { user_id }),
    ...(project_id && uuid.test(project_id) && { project_id }),
    ...(action && { action }),
    ...(resource_id && { resource_id }),
    ...(refused && { refused: refused === 'true' }),
    ...(from && { since: from }),
    ...(to && { until: to }),
  }
}

export default function AuditPage() {
  const session = useSession()
  useTitle(words('title'))
  const search = useSearch({ strict: false }) as Search
  const query = queryOf(search, usePreferences().time_zone)
  const check = useChange(() => call(routes.audit.verify, {}))
  return (
    <div className="croft-stack">
      <header className="croft-head">
        <Title headingLevel="h1">{words('title')}</Title>
        <div className="croft-head-actions">
          {may(session, routes.audit.verify) && (
            <Button variant="secondary" isLoading={check.isPending} onClick={() => check.mutate(undefined)}>
              {words('verify')}
            </Button>
          )}
          <ApiCallButton calls={() => [{ route: routes.audit.list, input: { query } }]} />
        </div>
      </header>
      <p className="croft-muted">{words('body')}</p>
      <ProblemAlert error={check.error} />
      {check.data && <Verdict verdict={check.data} />}
      <Filters search={search} />
      <AuditTable query={query} />
    </div>
  )
}

function Verdict({ verdict: { whole, rows, unsealed, first_broken_seq, reason } }: { verdict: AuditVerdict }) {
  return (
    <Alert
      isInline
      role="status"
      variant={whole ? 'success' : 'danger'}
      title={
        whole
          ? words('verify.whole', { rows, unsealed })
          : words('verify.broken', { seq: first_broken_seq ?? 0, reason: reason ?? '' })
      }
    />
  )
}

function Filters({ search }: { search: Search }) {
  const session = useSession()
  const navigate = useNavigate()
  const users = useChoices<User>(
    routes.user.list,
    { sort: 'name' },
    { follows: ['user'], enabled: may(session, routes.user.list) },
  )
  const projects = useChoices<Project>(
    routes.project.list,
    { sort: 'name' },
    { follows: ['project'], enabled: may(session, routes.project.list) },
  )
  const change = (field: string, value: string) => {
    const next = Object.entries({ ...search, [field]: value }).filter(([, one]) => one !== '')
    void navigate({ to: '/audit', search: Object.fromEntries(next) as Search, replace: true })
  }
  const typed = (field: 'since' | 'until') => (
    <ToolbarItem>
      <InputGroup>
        <InputGroupText id={`label-${field}`}>{words(`filter.${field}`)}</InputGroupText>
        <TextInput
          type="datetime-local"
          aria-labelledby={`label-${field}`}
          value={search[field] ?? ''}
          onChange={(_, value) => change(field, value)}
        />
      </InputGroup>
    </ToolbarItem>
  )
  const named = (
    field: 'user_id' | 'project_id',
    items: readonly { id: string; name: string }[] = [],
    label: string,
    any: string,
  ) =>
    items.length > 0 && (
      <ToolbarItem>
        <FormSelect aria-label={label} value={search[field] ?? ''} onChange={(_, value) => change(field, value)}>
          <FormSelectOption value="" label={any} isPlaceholder />
          {items.map(one => (
            <FormSelectOption key={one.id} value={one.id} label={one.name} />
          ))}
        </FormSelect>
      </ToolbarItem>
    )
  return (
    <Toolbar className="croft-toolbar">
      <ToolbarContent>
        {named('user_id', users.data?.items, words('who'), words('filter.user'))}
        {named('project_id', projects.data?.items, words('project'), words('filter.project'))}
        <ToolbarItem>
          <FormSelect
            aria-label={words('outcome')}
            value={search.refused ?? ''}
            onChange={(_, value) => change('refused', value)}
          >
            <FormSelectOption value="" label={words('filter.outcome')} isPlaceholder />
            <FormSelectOption value="false" label={words('filter.done')} />
            <FormSelectOption value="true" label={words('filter.refused')} />
          </FormSelect>
        </ToolbarItem>
        <ToolbarItem>
          <Typed
            label={words('filter.action')}
            value={search.action ?? ''}
            onChange={value => change('action', value)}
          />
        </ToolbarItem>
        <ToolbarItem>
          <Typed
            label={words('filter.resource')}
            value={search.resource_id ?? ''}
            onChange={value => change('resource_id', value)}
          />
        </ToolbarItem>
        {typed('since')}
        {typed('until')}
        {Object.keys(search).length > 0 && (
          <ToolbarItem alignSelf="center">
            <Button variant="link" isInline onClick={() => void navigate({ to: '/audit', search: {} })}>
              {words('clear')}
            </Button>
          </ToolbarItem>
        )}
      </ToolbarContent>
    </Toolbar>
  )
}

/** Asked when one has typed it out: half an action is none. */
function Typed({ label, value, onChange }: { label: string; value: string; onChange(value: string): void }) {
  const [text, setText] = useState(value)
  return (
    <TextInput
      key={value}
      aria-label={label}
      placeholder={label}
      value={text}
      onChange={(_, typed) => setText(typed)}
      onBlur={() => text !== value && onChange(text.trim())}
      onKeyDown={event => event.key === 'Enter' && onChange(text.trim())}
    />
  )
}
