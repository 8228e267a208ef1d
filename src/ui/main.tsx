/** The page's first script: styles, and the application into its place. */
import '@patternfly/react-core/dist/styles/base.css'
import './styles.css'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { register } from './noun/registry.ts'
import { nouns, pages } from './nouns.ts'
import { preferences } from './session/preferences.ts'
import { resume } from './session/session.ts'
import { App } from './shell/app.tsx'
import { preload } from './shell/router.tsx'
import { preferredLanguage } from './text/language.ts'
import { speak } from './text/speak.ts'

register(nouns, pages)

const place = document.getElementById('root')
if (!place) throw new Error('index.html has no element #root.')
// What the first page waits for is asked for at once and together: its words, who is signed in, its code.
preload(location.pathname)
const resumed = resume()
// Told by the application, which is there a little later.
resumed.catch(() => undefined)
await speak(preferredLanguage(preferences().language))
createRoot(place).render(
  <StrictMode>
    <App resumed={resumed} />
  </StrictMode>,
)
