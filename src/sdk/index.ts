/** Croft's SDK for TypeScript: `createClient({ url, token })`, and the contract that says what can be called. */
export * from '../api/common.ts'
export * from '../api/index.ts'
export * from '../api/route.ts'
export * from './client.ts'
export * from './errors.ts'
export { type TusUpload, uploadByTus } from './tus.ts'
export { type Answered, type Asked, type Fetch, nodeFetch } from './transport.ts'
