/**
 * The list of a noun: filtered, searched and sorted by the server, read page by page as one scrolls, only the rows in view drawn. The
 * URL holds search, filters and order; columns and saved views are kept on this browser.
 */
import { Button, Switch, Title, Toolbar, ToolbarContent, ToolbarGroup, ToolbarItem } from '@patternfly/react-core'
import PlusIcon from '@patternfly/react-icons/dist/esm/icons/plus-icon'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { type ReactNode, useCallback, useMemo, useState } from 'react'
import { mayListAll, type NounDefinition } from '../noun/definition.ts'
import { may, useSession } from '../session/session.ts'
import type { Search as Filters } from '../shell/router.tsx'
import { words } from '../text/shared.ts'
import { Actions } from './actions.tsx'
import { ApiCallButton } from './api-call.tsx'
import { Empty } from './empty.tsx'
import { FilterControl } from './filter-control.tsx'
import { LazyPart } from './lazy.tsx'
import { LinkButton } from './link.tsx'
import { Loading } from './loading.tsx'
import { ProblemAlert } from './problem.tsx'
import { useTitle } from './use-title.ts'
import { Rows } from './rows.tsx'
import { TypedFilter } from './typed-filter.tsx'
import { useList } from './use-list.ts'
import { ColumnChoice, SavedViews } from './views.tsx'
import { useColumns } from './use-columns.ts'

export default function ListPage({ noun }: { noun: NounDefinition }) {
  const session = useSession()
  const search = useSearch({ strict: false }) as Filters
  const navigate = useNavigate()
  const change = useCallback(
    (changes: Readonly<Record<string, string | undefined>>) => {
      // What the URL has by then: another filter may have been set since this page was drawn.
      const next = (before: Filters) =>
        Object.fromEntries(
          Object.entries({ ...before, ...changes }).filter(([, value]) => value !== undefined && value !== ''),
        ) as Filters
      void navigate({ to: `/${noun.path}`, search: next, replace: true })
    },
    [navigate, noun],
  )
  const { query, items, answer } = useList(noun, search)
  const columns = useColumns(noun)
  useTitle(noun.titles())
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set())
  const chosen = useMemo(() => items.filter(item => selected.has(item.id)), [items, selected])
  const filtered = Object.keys(search).some(key => key !== 'sort')
  const mayCreate = noun.create && may(session, noun.create.route)
  const create = mayCreate && noun.create && (
    <LinkButton to={`/${noun.path}/create`} icon={<PlusIcon />}>
      {noun.create.title()}
    </LinkButton>
  )
  return (
    <div className="croft-list-page">
      <header className="croft-head">
        <Title headingLevel="h1">{noun.titles()}</Title>
        <div className="croft-head-actions">
          {noun.extras && <LazyPart load={noun.extras} props={{}} />}
          {create}
          <ApiCallButton calls={() => [{ route: noun.list, input: { query } }]} />
        </div>
      </header>
      <FilterBar noun={noun} search={search} change={change} columns={columns} />
      {chosen.length > 0 && (
        <div className="croft-bulk" role="region" aria-label={words('bulk')}>
          <strong aria-live="polite">{words('bulk.chosen', { n: chosen.length })}</strong>
          <Actions noun={noun} items={chosen} layout="bulk" />
          <Button variant="link" isInline onClick={() => setSelected(new Set())}>
            {words('bulk.none')}
          </Button>
        </div>
      )}
      <ProblemAlert error={answer.error} onRetry={() => void answer.refetch()} />
      {answer.isPending ? (
        <Loading />
      ) : items.length === 0 && answer.error ? null : items.length === 0 ? (
        filtered ? (
          <Empty
            title={words('list.none_fit')}
            actions={
              <Button variant="link" onClick={() => void navigate({ to: `/${noun.path}`, search: {} })}>
                {words('list.clear')}
              </Button>
            }
          />
        ) : (
          <NoneYet noun={noun} actions={create} />
        )
      ) : (
        <Rows
          noun={noun}
          columns={columns.shown}
          items={items}
          more={answer.hasNextPage}
          onMore={() => {
            if (!answer.isFetchingNextPage) void answer.fetchNextPage()
          }}
          sort={search.sort ?? noun.default_sort ?? ''}
          onSort={sort => change({ sort })}
          selected={selected}
          onSelect={setSelected}
        />
      )}
    </div>
  )
}

/** What is looked for seldom comes when it is asked for, or is set: the rest has one row. */
function FilterBar({
  noun,
  search,
  change,
  columns,
}: {
  noun: NounDefinition
  search: Filters
  change(changes: Readonly<Record<string, string | undefined>>): void
  columns: ReturnType<typeof useColumns>
}) {
  const session = useSession()
  const navigate = useNavigate()
  const [more, setMore] = useState(false)
  const filters = (noun.filters ?? []).filter(filter => more || !filter.more || search[filter.field] !== undefined)
  return (
    <Toolbar clearAllFilters={() => void navigate({ to: `/${noun.path}`, search: {} })} className="croft-toolbar">
      <ToolbarContent>
        {!noun.not_searched && (
          <ToolbarItem>
            <TypedFilter
              title={noun.searched_by?.() ?? words('list.search')}
              value={search.search ?? ''}
              onChange={value => change({ search: value })}
            />
          </ToolbarItem>
        )}
        {filters.map(filter => (
          <ToolbarItem key={filter.field} {...(filter.kind === 'yes' && { alignSelf: 'center' as const })}>
            <FilterControl
              filter={filter}
              value={search[filter.field]}
              onChange={value => change({ [filter.field]: value })}
            />
          </ToolbarItem>
        ))}
        {noun.filters?.some(filter => filter.more) && (
          <ToolbarItem alignSelf="center">
            <Button variant="link" isInline aria-expanded={more} onClick={() => setMore(!more)}>
              {words(more ? 'list.fewer_filters' : 'list.more_filters')}
            </Button>
          </ToolbarItem>
        )}
        {mayListAll(noun, session) && (
          <ToolbarItem alignSelf="center">
            <Switch
              id="all-projects"
              label={words('list.all_projects')}
              isChecked={search.all_projects === 'true'}
              onChange={(_, on) => change({ all_projects: on ? 'true' : undefined })}
            />
          </ToolbarItem>
        )}
        <ToolbarGroup align={{ default: 'alignEnd' }} gap={{ default: 'gapSm' }}>
          <ToolbarItem>
            <SavedViews noun={noun} search={search} columns={columns} />
          </ToolbarItem>
          <ToolbarItem>
            <ColumnChoice columns={columns} />
          </ToolbarItem>
        </ToolbarGroup>
      </ToolbarContent>
    </Toolbar>
  )
}

function NoneYet({ noun, actions }: { noun: NounDefinition; actions: ReactNode }) {
  return (
    <Empty
      title={noun.empty_title?.() ?? words('list.none', { nouns: noun.titles() })}
      icon={noun.icon}
      actions={actions}
    >
      {noun.empty()}
    </Empty>
  )
}
