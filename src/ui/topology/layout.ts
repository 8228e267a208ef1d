/** Where the boxes of a graph stand: in layers, from the outside inwards, by ELK (eclipse.dev/elk, algorithm "layered"). */
import ELK from 'elkjs/lib/elk-api.js'
import { type Graph, sizeOf } from './graph.ts'

export type Places = ReadonlyMap<string, { x: number; y: number; width: number; height: number }>

const elk = new ELK({
  workerFactory: () => new Worker(new URL('./elk-worker.ts', import.meta.url), { type: 'module' }),
})

export async function layOut({ boxes, lines }: Graph): Promise<Places> {
  const laid = await elk.layout({
    id: 'all',
    layoutOptions: {
      'elk.algorithm': 'layered',
      'elk.direction': 'DOWN',
      'elk.layered.spacing.nodeNodeBetweenLayers': '56',
      'elk.spacing.nodeNode': '32',
      'elk.spacing.componentComponent': '48',
      'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
      'elk.layered.considerModelOrder.strategy': 'NODES_AND_EDGES',
      'elk.aspectRatio': '1.6',
    },
    children: boxes.map(box => ({ id: box.id, ...sizeOf(box) })),
    edges: lines.map(line => ({ id: line.id, sources: [line.from], targets: [line.to] })),
  })
  return new Map((laid.children ?? []).map(({ id, x = 0, y = 0, width, height }) => [id, { x, y, width, height }]))
}
