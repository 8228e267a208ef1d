/** The page's first script: styles, and the application into its place. */
import '@patternfly/react-core/dist/styles/base.css'
import './styles.css'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { register } from './noun/registry.ts'
import { nouns, pages } from './nouns.ts'
import { App } from './shell/app.tsx'

register(nouns, pages)

const place = document.getElementById('root')
if (!place) throw new Error('index.html has no element #root.')
createRoot(place).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
