/** The picture itself: boxes and lines that one can move in, drawn anew when something changes, without losing one's place. */
import { Background, Controls, type Edge, ReactFlow } from '@xyflow/react'
import '@xyflow/react/dist/style.css'
import { useCallback, useEffect, useMemo, useState } from 'react'
import { Loading } from '../parts/loading.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { graphOf, type Things } from './graph.ts'
import { layOut, type Places } from './layout.ts'
import { type BoxNode, BoxView } from './nodes.tsx'
import { words } from './text.ts'

const node_types = { box: BoxView }

export default function Picture(things: Things) {
  const [expanded, setExpanded] = useState<ReadonlySet<string>>(new Set())
  const toggle = useCallback((id: string) => setExpanded(before => before.symmetricDifference(new Set([id]))), [])
  const graph = useMemo(() => graphOf(things, expanded), [things, expanded])
  const [places, setPlaces] = useState<Places>()
  const [failure, setFailure] = useState<unknown>()
  useEffect(() => {
    let current = true
    layOut(graph).then(
      laid => current && setPlaces(laid),
      (error: unknown) => current && setFailure(error),
    )
    return () => {
      current = false
    }
  }, [graph])
  const nodes = useMemo(
    () =>
      graph.boxes.flatMap((box): BoxNode[] => {
        const place = places?.get(box.id)
        if (!place) return []
        const { x, y, width, height } = place
        return [{ id: box.id, type: 'box', position: { x, y }, width, height, data: { box, toggle } }]
      }),
    [graph, places, toggle],
  )
  const edges = useMemo(
    () =>
      graph.lines.map(
        ({ id, from, to, label }): Edge => ({
          id,
          source: from,
          target: to,
          label,
          type: 'smoothstep',
          focusable: false,
        }),
      ),
    [graph],
  )
  if (failure) return <ProblemAlert error={failure} />
  if (!places) return <Loading />
  return (
    <div className="croft-picture">
      <ReactFlow
        aria-label={words('label')}
        nodes={nodes}
        edges={edges}
        nodeTypes={node_types}
        nodesDraggable={false}
        nodesConnectable={false}
        nodesFocusable={false}
        elementsSelectable={false}
        fitView
        fitViewOptions={{ maxZoom: 1.1, padding: 0.08 }}
        minZoom={0.1}
        maxZoom={2}
        proOptions={{ hideAttribution: true }}
      >
        <Background gap={24} />
        <Controls showInteractive={false} />
      </ReactFlow>
    </div>
  )
}
