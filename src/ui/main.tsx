/** The page's first script: styles, and the application into its place. */
import '@patternfly/react-core/dist/styles/base.css'
import './styles.css'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { register } from './noun/registry.ts'
import { nouns, pages } from './nouns.ts'
import { preferences } from './session/preferences.ts'
import { App } from './shell/app.tsx'
import { preferredLanguage } from './text/language.ts'
import { speak } from './text/speak.ts'

register(nouns, pages)

const place = document.getElementById('root')
if (!place) throw new Error('index.html has no element #root.')
await speak(preferredLanguage(preferences().language))
createRoot(place).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
