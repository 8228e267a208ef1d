/** The routes of the API as values, slim enough for a browser; see virtual.d.ts. */
export { routes } from 'virtual:croft-routes'
