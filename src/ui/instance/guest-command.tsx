/** Runs a command in a guest and shows what it wrote. What is typed is taken apart into words here: no shell reads it, here or there. */
import { Alert, Button, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core'
import { useState } from 'react'
import type { GuestCommandResult } from '../../api/instance-guest.ts'
import type { Instance } from '../../api/instance.ts'
import { routes } from '../api/routes.ts'
import { base64OfText } from '../parts/base64.ts'
import { FormDialog, type Values } from '../parts/form.tsx'
import { size } from '../parts/time.tsx'
import { wordsOf } from './command-words.ts'
import { words } from './guest-text.ts'
import './guest.css'

export function RunCommand({ item, done }: { item: Instance; done: () => void }) {
  const [typed, setTyped] = useState<Values>({ timeout_s: 30 })
  const [ran, setRan] = useState<GuestCommandResult>()
  if (ran)
    return (
      <Ran
        name={item.name}
        argv={wordsOf(String(typed.command))}
        ran={ran}
        again={() => setRan(undefined)}
        done={done}
      />
    )
  return (
    <FormDialog
      title={words('run.in', { name: item.name })}
      yes={words('run.yes')}
      route={routes.instance.exec}
      initial={typed}
      toInput={values => ({ params: { instance: item.id }, body: bodyOf(values) })}
      fields={[
        { name: 'command', title: words('run.command'), kind: 'text', required: true, help: words('run.command.help') },
        { name: 'stdin_text', title: words('run.stdin'), kind: 'area', help: words('run.stdin.help') },
        { name: 'env', title: words('run.env'), kind: 'list', help: words('run.env.help') },
        {
          name: 'timeout_s',
          title: words('run.timeout'),
          kind: 'number',
          unit: 's',
          help: words('run.timeout.help'),
        },
      ]}
      made={(body, values) => {
        setTyped(values)
        setRan(body as GuestCommandResult)
        return 'stay'
      }}
      done={done}
    />
  )
}

function bodyOf({ command, stdin_text, env, timeout_s }: Values): object {
  return {
    argv: wordsOf(String(command ?? '')),
    ...(typeof stdin_text === 'string' && stdin_text !== '' && { stdin: base64OfText(stdin_text) }),
    ...(Array.isArray(env) &&
      env.length > 0 && { env: Object.fromEntries(env.map(pairOf).filter(([name]) => name !== '')) }),
    ...(typeof timeout_s === 'number' && { timeout_ms: Math.round(timeout_s * 1000) }),
  }
}

/** Without a sign between, a name with nothing in it. */
function pairOf(line: unknown): [string, string] {
  const [name = '', ...value] = String(line).split('=')
  return [name.trim(), value.join('=')]
}

interface RanProps {
  name: string
  argv: readonly string[]
  ran: GuestCommandResult
  again(): void
  done(): void
}

function Ran({ name, argv, ran, again, done }: RanProps) {
  const { exit_code, signal, truncated } = ran
  const title =
    exit_code === null ? words('run.signal', { signal: signal ?? 0 }) : words('run.ended', { code: exit_code })
  const silent = ran.stdout === '' && ran.stderr === ''
  return (
    <Modal isOpen variant="large" onClose={done} aria-labelledby="guest-command-title">
      <ModalHeader title={words('run.in', { name })} labelId="guest-command-title" />
      <ModalBody>
        <div className="croft-stack">
          {/* As it was understood: each word by itself. */}
          <code>{argv.map(word => (/^[\w./:=@%+,-]+$/.test(word) ? word : JSON.stringify(word))).join(' ')}</code>
          <Alert isInline isPlain role="status" variant={exit_code === 0 ? 'success' : 'warning'} title={title} />
          {silent && <p className="croft-muted">{words('run.silent')}</p>}
          <Written title={words('run.stdout')} text={ran.stdout} encoding={ran.stdout_encoding} />
          <Written title={words('run.stderr')} text={ran.stderr} encoding={ran.stderr_encoding} />
          {truncated && <p className="croft-muted">{words('run.truncated')}</p>}
        </div>
      </ModalBody>
      <ModalFooter>
        <Button onClick={done}>{words('run.close')}</Button>
        <Button variant="secondary" onClick={again}>
          {words('run.another')}
        </Button>
      </ModalFooter>
    </Modal>
  )
}

function Written({ title, text, encoding }: { title: string; text: string; encoding: 'utf8' | 'base64' }) {
  if (text === '') return null
  return (
    <section aria-label={title}>
      <h3 className="croft-muted">{title}</h3>
      {encoding === 'utf8' ? (
        <pre className="croft-guest-output" tabIndex={0} aria-label={title}>
          {text}
        </pre>
      ) : (
        <p>{words('run.binary', { size: size(atob(text).length) })}</p>
      )}
    </section>
  )
}
