/** The sign-in page: name, password, and if one likes the project and domain. What went wrong is said where it was typed. */
import {
  ActionGroup,
  Alert,
  Button,
  Card,
  CardBody,
  ExpandableSection,
  Form,
  FormGroup,
  Modal,
  ModalBody,
  ModalFooter,
  TextInput,
  Title,
} from '@patternfly/react-core'
import { type FormEvent, useEffect, useState } from 'react'
import { focusMain } from '../parts/focus-main.ts'
import { Logo } from '../parts/logo.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { words } from '../text/shared.ts'
import type { Session } from '../../api/session.ts'
import { leave, signIn } from './session.ts'

export function SignInPage({ expired }: { expired: boolean }) {
  return (
    <main className="croft-sign-in">
      <Card className="croft-sign-in-card">
        <CardBody>
          <Logo />
          <Title headingLevel="h1" size="xl">
            {words('sign_in.title')}
          </Title>
          {expired && <Alert isInline isPlain variant="info" title={words('sign_in.expired')} />}
          <SignInForm />
        </CardBody>
      </Card>
    </main>
  )
}

/** Over the page of a session that has ended: what was typed there is still there for who signs in as the same. */
export function SignInAgain({ session }: { session: Session }) {
  // The dialog itself cannot give the focus back: the page is out of reach until it has gone.
  const [before] = useState(() => document.activeElement)
  useEffect(
    () => () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus()
      if (document.activeElement === document.body) focusMain()
    },
    [before],
  )
  return (
    <Modal isOpen variant="small" aria-label={words('sign_in.title')}>
      <ModalBody>
        <div className="croft-stack">
          <Alert isInline isPlain variant="info" title={words('sign_in.expired')} />
          <p className="croft-muted">{words('sign_in.kept', { user: session.user.name })}</p>
          <SignInForm before={session} />
        </div>
      </ModalBody>
      <ModalFooter>
        <Button variant="link" isInline onClick={leave}>
          {words('sign_in.leave')}
        </Button>
      </ModalFooter>
    </Modal>
  )
}

/** `before`: who was signed in, and where: as the same person one comes back to the same project. */
function SignInForm({ before }: { before?: Session }) {
  const [values, setValues] = useState({ user: before?.user.name ?? '', password: '', project: '', domain: '' })
  const [failure, setFailure] = useState<unknown>()
  const [busy, setBusy] = useState(false)
  const field = (name: keyof typeof values) => ({
    id: `sign-in-${name}`,
    value: values[name],
    onChange: (_: unknown, value: string) => setValues(last => ({ ...last, [name]: value })),
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    setBusy(true)
    setFailure(undefined)
    const same = values.user === before?.user.name && values.project === ''
    signIn(values.user, values.password, values.domain, same ? before?.project?.id : values.project)
      .catch(setFailure)
      .finally(() => setBusy(false))
  }
  return (
    <>
      {failure !== undefined && <ProblemAlert error={failure} />}
      <Form onSubmit={submit}>
        <FormGroup label={words('sign_in.user')} isRequired fieldId="sign-in-user">
          <TextInput {...field('user')} isRequired autoComplete="username" autoFocus={before === undefined} />
        </FormGroup>
        <FormGroup label={words('sign_in.password')} isRequired fieldId="sign-in-password">
          <TextInput
            {...field('password')}
            type="password"
            isRequired
            autoComplete="current-password"
            autoFocus={before !== undefined}
          />
        </FormGroup>
        <ExpandableSection toggleText={words('sign_in.more')}>
          <div className="croft-stack">
            <FormGroup label={words('project')} fieldId="sign-in-project">
              <TextInput {...field('project')} placeholder={words('sign_in.project_standard')} />
            </FormGroup>
            <FormGroup label={words('domain')} fieldId="sign-in-domain">
              <TextInput {...field('domain')} placeholder="default" />
            </FormGroup>
          </div>
        </ExpandableSection>
        <ActionGroup>
          <Button
            type="submit"
            isBlock
            isLoading={busy}
            isDisabled={busy || values.user === '' || values.password === ''}
          >
            {words('sign_in')}
          </Button>
        </ActionGroup>
      </Form>
    </>
  )
}
