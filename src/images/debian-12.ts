import type { Recipe } from './build.ts'
export const debian12: Recipe = {
  name: 'debian-12',
  title: '',
  description: '',
  needs_root: true,
  packages: [],
  build: async () => {
    throw new Error('todo')
  },
}
