/**
 * Plug-ins of the web UI: folders on the controller that add tabs and pages (docs/plug-ins.md). What a plug-in's own plugin.json
 * says is a shape here, too, so that there is one description of both.
 */
import Type, { type Static } from 'typebox'
import { permissions } from '../model/permissions.ts'
import { plugin_limits } from '../model/plugin.ts'
import { closed, nullable, oneOf, Time } from './common.ts'
import { route } from './route.ts'

/** Of a plug-in, a tab, a page: in addresses, so lower case and short. */
const Word = Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$', description: 'Lower case letters, digits and minus' })

const Texts = Type.Record(
  Type.String({ pattern: '^[a-z]{2}$' }),
  Type.String({ minLength: 1, maxLength: plugin_limits.text_length_max }),
  // Not `false`, which typebox cannot fill defaults into.
  {
    minProperties: 1,
    maxProperties: 16,
    additionalProperties: Type.Never(),
    description: 'By language, such as en and de; en is shown where there is no other',
  },
)

const Page = Type.String({
  maxLength: 200,
  pattern: '^[A-Za-z0-9_][A-Za-z0-9_./-]*\\.html$',
  description: "The page's file in the plug-in's folder",
})
const needs = Type.Optional(oneOf(permissions, { description: 'Shown only to who holds this; without it to everyone' }))

export const PluginTab = closed({
  id: Word,
  noun: Type.String({ maxLength: 64, description: 'On whose pages it is, such as instance' }),
  title: Texts,
  page: Page,
  needs,
})
export type PluginTab = Static<typeof PluginTab>

export const PluginPage = closed({
  id: Word,
  title: Texts,
  page: Page,
  area: oneOf(['compute', 'network', 'storage', 'operate', 'access'], { description: 'Where in the navigation it is' }),
  needs,
  portal: Type.Optional(Type.Boolean({ description: 'Also for who only operates what is there' })),
})
export type PluginPage = Static<typeof PluginPage>

const Settings = Type.Record(Type.String(), Type.Unknown(), {
  description:
    "The operator's own values for it, handed to its pages as they are. Never secrets: all who sign in get them",
})
const tabs = Type.Array(PluginTab, { maxItems: 16 })
const pages = Type.Array(PluginPage, { maxItems: 16 })
const routes = Type.Array(Type.String({ maxLength: 64 }), {
  maxItems: 64,
  uniqueItems: true,
  description: 'Routes of the API that it may have called for who looks at it, such as instance.list',
})
const events = Type.Array(Type.String({ maxLength: 64 }), {
  maxItems: 32,
  uniqueItems: true,
  description: 'Nouns whose events it hears, as far as who looks at it hears them',
})
const version = Type.String({ minLength: 1, maxLength: 32, pattern: '^[A-Za-z0-9][A-Za-z0-9._+-]*$' })

/** plugin.json. */
export const PluginManifest = closed({
  croft: Type.Literal(1, { description: 'Version of the API for plug-ins' }),
  id: Word,
  title: Texts,
  description: Type.Optional(Texts),
  version,
  tabs: Type.Optional(tabs),
  pages: Type.Optional(pages),
  routes: Type.Optional(routes),
  events: Type.Optional(events),
  settings: Type.Optional(Settings),
})
export type PluginManifest = Static<typeof PluginManifest>

export const Plugin = closed({
  id: Type.String({ description: "Its folder's name" }),
  state: oneOf(['ready', 'refused']),
  problem: nullable(Type.String({ description: 'Why it is refused, and what to do' })),
  version: nullable(Type.String()),
  title: Texts,
  description: nullable(Texts),
  tabs,
  pages,
  routes,
  events,
  settings: Settings,
  address: nullable(
    Type.String({ description: 'Where its files are, with a slash at the end; another for each content' }),
  ),
  files: Type.Integer(),
  bytes: Type.Integer({ description: 'Of all its files' }),
  read_at: Time,
})
export type Plugin = Static<typeof Plugin>

const Plugins = closed({
  items: Type.Array(Plugin),
  next: Type.Null(),
  folder: nullable(Type.String({ description: 'Where on the controller they lie; for who may read settings' })),
})
export type Plugins = Static<typeof Plugins>

export const pluginRoutes = {
  list: route({
    name: 'plugin.list',
    method: 'GET',
    path: '/v1/plugins',
    summary: 'Plug-ins of the web UI on the controller that answers; refused ones only for who may read settings',
    level: 'self',
    needs: null,
    status: 200,
    reply: Plugins,
    errors: [],
    cli: { columns: ['id', 'version', 'state', 'routes', 'problem'] },
  }),
  get: route({
    name: 'plugin.get',
    method: 'GET',
    path: '/v1/plugins/:plugin',
    summary: 'One plug-in: what it adds, and what it may ask for',
    level: 'self',
    needs: null,
    params: closed({ plugin: Type.String({ minLength: 1, maxLength: 255 }) }),
    status: 200,
    reply: Plugin,
    errors: ['not_found'],
  }),
  reload: route({
    name: 'plugin.reload',
    method: 'POST',
    path: '/v1/plugins/reload',
    summary: 'Read the folder of plug-ins again, on every controller; it is also read whenever it changes',
    level: 'system',
    needs: 'setting.manage',
    body: closed({}),
    status: 200,
    reply: Plugins,
    errors: ['unavailable'],
    cli: { columns: ['id', 'version', 'state', 'routes', 'problem'] },
  }),
}
