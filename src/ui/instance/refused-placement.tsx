/** A decision of the scheduler that found no host: what each said. */
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { Loading } from '../parts/loading.tsx'
import { sentenceOf } from '../parts/problem.tsx'
import { Decision } from './placement.tsx'

export default function RefusedPlacement({ id }: { id: string }) {
  const { data, error, isPending } = useRead(routes.placement.get, { params: { placement: id } })
  if (isPending) return <Loading />
  return error ? <p>{sentenceOf(error)}</p> : <Decision placement={data} />
}
