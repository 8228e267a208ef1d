/** Downloads from the public Internet that cannot be turned against the machine that makes them. Usable alone. */
export { isPublicAddress } from './address.ts'
export { download, type Downloaded, type DownloadOptions } from './download.ts'
export { DownloadError, type DownloadErrorCode } from './error.ts'
