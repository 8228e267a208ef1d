/**
 * What every recipe has in common: what it is given, what it hands back, and how it fails. Not its job: the recipes,
 * nor their list (recipe.ts).
 */

export interface BuildOptions {
  /** Kept between builds: downloaded packages, unpacked packages. Made when missing. */
  work_dir: string
  /** Where the qcow2 file goes; written beside it and renamed, so that it is whole or absent. */
  out: string
  /** Only x86_64 so far. */
  arch?: string
  /** Passed to apt and its like, for instance http_proxy. */
  environment?: Readonly<Record<string, string>>
  on_progress?: (step: BuildStep) => void
  signal?: AbortSignal
}

export interface BuildStep {
  /** What is being done, for people: 'Downloading linux-image-6.1.0-56-cloud-amd64'. */
  step: string
  /** From 0 to 1. */
  fraction: number
}

export interface BuiltImage {
  name: string
  path: string
  format: 'qcow2'
  size_bytes: number
  virtual_size_bytes: number
  /** Of the file, in hexadecimal. */
  sha256: string
  kernel_version: string
  /** What a guest needs at least. */
  min_memory_mib: number
  /** Name and version of every package that went in. */
  packages: readonly { name: string; version: string }[]
}

export interface RecipePackage {
  /** The Debian package that must be installed on the machine that builds. */
  name: string
  why: string
}

export interface Recipe {
  name: string
  title: string
  /** What the result offers, for a list that people read. */
  description: string
  needs_root: boolean
  packages: readonly RecipePackage[]
  build: (options: BuildOptions) => Promise<BuiltImage>
}

export type BuildErrorCode = 'unknown_recipe' | 'unsupported' | 'missing_package' | 'failed'

/** A build that could not be done; the message says why and what to do. */
export class BuildError extends Error {
  readonly code: BuildErrorCode

  constructor(code: BuildErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'BuildError'
    this.code = code
  }
}
