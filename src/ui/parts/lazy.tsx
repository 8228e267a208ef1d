/** A part of a page that is loaded when it is first shown. */
import { type ComponentType, lazy, Suspense, useMemo } from 'react'
import { Loading } from './loading.tsx'

export type Load<P extends object> = () => Promise<{ default: ComponentType<P> }>

/** `load` must stay the same function from one drawing to the next, as those of definitions do. */
export function LazyPart<P extends object>({ load, props }: { load: Load<P>; props: P }) {
  const Part = useMemo(() => lazy(load), [load]) as ComponentType<P>
  return (
    <Suspense fallback={<Loading />}>
      <Part {...props} />
    </Suspense>
  )
}
