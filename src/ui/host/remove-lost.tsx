/** Takes a host out that will never be back. What would be given up with it is named by the answer, and asked about once more. */
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import type { Host } from '../../api/host.ts'
import { ApiProblem } from '../../sdk/errors.ts'
import { ask } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { ConfirmDialog } from '../parts/confirm.tsx'
import { operations } from '../shell/operations.ts'
import { words } from './text.ts'

const shown_max = 20

/** What would be given up. */
interface Lost {
  gives_up: number
  names: string
}

export default function RemoveLost({ item, done }: { item: Host; done: () => void }) {
  const { id, name } = item
  const navigate = useNavigate()
  const [lost, setLost] = useState<Lost>()
  const [busy, setBusy] = useState(false)
  const title = `${words('remove_lost')}: ${name}`
  const run = (gives_up: number | undefined) => {
    if (busy) return
    setBusy(true)
    ask(routes.host.remove, {
      params: { host: id },
      query: { lost: true, ...(gives_up !== undefined && { gives_up }) },
    })
      .then(() => {
        operations.said(title, { variant: 'success' })
        done()
        void navigate({ to: '/hosts' })
      })
      .catch((error: unknown) => {
        const would = lostOf(error)
        if (would) return setLost(would)
        operations.said(title, { variant: 'danger', error })
        done()
      })
      .finally(() => setBusy(false))
  }
  return lost ? (
    <ConfirmDialog
      key="lost"
      title={words('remove_lost.lost.title', { n: lost.gives_up })}
      body={words('remove_lost.lost.body', { name, names: lost.names })}
      yes={words('remove_lost.lost.yes')}
      danger
      onYes={() => run(lost.gives_up)}
      onNo={done}
    />
  ) : (
    <ConfirmDialog
      title={words('remove_lost.title')}
      body={words('remove_lost.body', { names: name })}
      yes={words('remove_lost')}
      danger
      onYes={() => run(undefined)}
      onNo={done}
    />
  )
}

/** Null: it was refused for something else. */
function lostOf(error: unknown): Lost | null {
  if (!(error instanceof ApiProblem)) return null
  const { gives_up, instances, volumes } = error.document
  if (typeof gives_up !== 'number' || gives_up === 0) return null
  const all = [instances, volumes].flatMap(some => (Array.isArray(some) ? (some as { name: string }[]) : []))
  const names = all.map(one => one.name)
  const more = names.length - shown_max
  return { gives_up, names: names.slice(0, shown_max).join('\n') + (more > 0 ? `\n+ ${more}` : '') }
}
