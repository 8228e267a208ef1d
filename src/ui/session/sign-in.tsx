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
  TextInput,
  Title,
} from '@patternfly/react-core'
import { type FormEvent, useState } from 'react'
import { Logo } from '../parts/logo.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { words } from '../text/shared.ts'
import { signIn } from './session.ts'

export function SignInPage({ expired }: { expired: boolean }) {
  const [values, setValues] = useState({ user: '', password: '', project: '', domain: '' })
  const [failure, setFailure] = useState<unknown>()
  const [busy, setBusy] = useState(false)
  const field = (name: keyof typeof values) => ({
    id: `sign-in-${name}`,
    value: values[name],
    onChange: (_: unknown, value: string) => setValues(before => ({ ...before, [name]: value })),
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    setBusy(true)
    setFailure(undefined)
    signIn(values.user, values.password, values.domain, values.project)
      .catch(setFailure)
      .finally(() => setBusy(false))
  }
  return (
    <main className="croft-sign-in">
      <Card className="croft-sign-in-card">
        <CardBody>
          <Logo />
          <Title headingLevel="h1" size="xl">
            {words('sign_in.title')}
          </Title>
          {expired && <Alert isInline isPlain variant="info" title={words('sign_in.expired')} />}
          {failure !== undefined && <ProblemAlert error={failure} />}
          <Form onSubmit={submit}>
            <FormGroup label={words('sign_in.user')} isRequired fieldId="sign-in-user">
              <TextInput {...field('user')} isRequired autoComplete="username" autoFocus />
            </FormGroup>
            <FormGroup label={words('sign_in.password')} isRequired fieldId="sign-in-password">
              <TextInput {...field('password')} type="password" isRequired autoComplete="current-password" />
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
        </CardBody>
      </Card>
    </main>
  )
}
