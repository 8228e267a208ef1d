/**
 * Taste, held by test: who may import whom, what no file may contain, how long a file may be, and what every route has.
 * What needs types is the linter's and the compiler's; what needs a running cloud is test/real/.
 */
import assert from 'node:assert/strict'
import { globSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { allRoutes, contract } from '../../src/api/index.ts'
import { handlers } from '../../src/controller/http/index.ts'
import { splitScript } from '../../src/controller/store/migrate.ts'
import { exceptions, layerOf, layers, packageHomes } from './tidy/layers.ts'
import { freeLicences, shippedPackages } from './tidy/licences.ts'
import { nounsElsewhere, publicRoutes } from './tidy/routes.ts'
import { everything, filesNamed, type Module, root, source } from './tidy/sources.ts'
import {
  bans,
  codeOf,
  function_lines_max,
  view_lines_max,
  functionsOf,
  linesMax,
  linesMaxEver,
  longFiles,
  longFunctions,
} from './tidy/text.ts'

/** Fails with one line for each thing found. */
function none(found: readonly string[], rule: string): void {
  assert.equal(found.length, 0, `${rule}\n  ${found.join('\n  ')}`)
}

test('the reader reads: modules and imports are found', () => {
  assert.ok(source.length >= 350, `only ${source.length} modules under src/`)
  assert.ok(everything.length >= source.length + 80, `only ${everything.length} modules in all`)
  const imports = source.reduce((sum, module) => sum + module.imports.length, 0)
  assert.ok(imports >= 1500, `only ${imports} imports`)
  const known = new Set(everything.map(module => module.file))
  const unknown = everything.flatMap(module =>
    module.imports.flatMap(({ file }) =>
      file === null || known.has(file) || file === 'package.json' ? [] : [`${module.file}: ${file}`],
    ),
  )
  none(unknown, 'an import names a file that is not there, or the reader misreads it:')
})

test('every folder imports only what stands below it', () => {
  const used = new Set<string>()
  const wrong: string[] = []
  for (const module of source) {
    const layer = layerOf(module.file)
    if (layer === null) {
      wrong.push(`${module.file} is in no layer: add its folder to test/unit/tidy/layers.ts`)
      continue
    }
    const allowed = [layer, ...(layers[layer] ?? [])]
    for (const { file } of module.imports) {
      if (file === null || allowed.some(prefix => file.startsWith(prefix))) continue
      const edge = `${module.file} -> ${file}`
      if (edge in exceptions) used.add(edge)
      else wrong.push(edge)
    }
  }
  none(wrong, 'imports against the order of the folders (test/unit/tidy/layers.ts):')
  none(
    Object.keys(exceptions).filter(edge => !used.has(edge)),
    'exceptions that nothing needs any more:',
  )
})

test('a library is known in its own folder only', () => {
  const wrong = source.flatMap(module =>
    module.imports.flatMap(({ specifier }) => {
      const homes = packageHomes[specifier]
      return homes && !homes.some(home => module.file.startsWith(home)) ? [`${module.file} imports ${specifier}`] : []
    }),
  )
  none(wrong, 'only these folders may use the library (test/unit/tidy/layers.ts):')
})

test('no modules need each other in a circle at run time', () => {
  const byFile = new Map(source.map(module => [module.file, module]))
  const done = new Set<string>()
  const circles: string[] = []
  const visit = (file: string, way: readonly string[]): void => {
    if (way.includes(file)) {
      circles.push([...way.slice(way.indexOf(file)), file].join(' -> '))
      return
    }
    if (done.has(file)) return
    for (const { file: next, type_only, dynamic } of byFile.get(file)?.imports ?? []) {
      // A page of the UI is loaded when it is shown; the definition that names it has long been read then.
      const later = dynamic && file.startsWith('src/ui/')
      if (next !== null && !type_only && !later) visit(next, [...way, file])
    }
    done.add(file)
  }
  for (const module of source) visit(module.file, [])
  none(circles, 'circles of imports:')
})

test('no dead file: everything in src/ is reached from a program or a test', () => {
  const programs =
    /^(src\/(cli|controller|agent)\/main\.ts|src\/host\/[\w-]+-main\.ts|src\/sdk\/index\.ts|src\/ui\/main\.tsx|src\/ui\/virtual\.d\.ts|(sim|bench|scripts|test)\/)/
  const byFile = new Map(everything.map(module => [module.file, module]))
  const reached = new Set<string>()
  const waiting: Module[] = everything.filter(module => programs.test(module.file))
  for (let module = waiting.pop(); module; module = waiting.pop()) {
    if (reached.has(module.file)) continue
    reached.add(module.file)
    for (const file of [...module.imports.map(one => one.file), ...filesNamed(module)]) {
      const next = file === null ? undefined : byFile.get(file)
      if (next) waiting.push(next)
    }
  }
  none(
    source.filter(module => !reached.has(module.file)).map(module => module.file),
    'nothing uses:',
  )
})

test('no file contains what is banned', () => {
  const wrong = everything.flatMap(module => {
    const code = codeOf(module)
    return bans.flatMap(({ what, why, where, except = {}, with_comments }) => {
      const concerns = where.some(prefix => module.file.startsWith(prefix))
      if (!concerns || Object.keys(except).some(prefix => module.file.startsWith(prefix))) return []
      const match = what.exec(with_comments ? module.text : code)
      return match ? [`${module.file}: ${match[0]} (${why})`] : []
    })
  })
  none(wrong, 'banned:')
})

test('every source begins with what it is for', () => {
  // A file that only ties routes to use cases is told by the contract of the same name, and by http/handle.ts.
  const tie = /^src\/controller\/http\/([\w-]+)\.ts$/
  const nouns = new Set(source.flatMap(({ file }) => /^src\/api\/([\w-]+)\.ts$/.exec(file)?.[1] ?? []))
  const wrong = source.filter(
    ({ file, text }) => !/^(#!.*\n)?(\/\*\*|\/\/ )/.test(text) && !nouns.has(tie.exec(file)?.[1] ?? ''),
  )
  none(
    wrong.map(module => module.file),
    'no header comment:',
  )
})

test('files and functions are short, or say why not', () => {
  const wrong: string[] = []
  for (const { file, lines } of everything) {
    const length = lines.length - 1
    const excuse = longFiles[file]
    if (length > (excuse?.max ?? linesMaxEver(file))) wrong.push(`${file} has ${length} lines: take it apart`)
    else if (length > linesMax(file) && !excuse)
      wrong.push(`${file} has ${length} lines: take it apart, or say why in tidy/text.ts`)
  }
  for (const file of Object.keys(longFiles)) {
    const length = everything.find(module => module.file === file)?.lines.length ?? 0
    if (length <= linesMax(file)) wrong.push(`${file} needs no excuse any more`)
  }
  none(wrong, 'long files:')
  const functions = source.flatMap(module =>
    functionsOf(module).map(one => ({ ...one, name: `${module.file}: ${one.name}` })),
  )
  assert.ok(functions.length >= 1200, `only ${functions.length} functions were found: the reader misreads`)
  none(
    functions
      .filter(({ name, own_lines }) => {
        const lines_max = name.includes('.tsx: ') ? view_lines_max : function_lines_max
        return own_lines > lines_max && !(name in longFunctions)
      })
      .map(({ name, own_lines }) => `${name} … has ${own_lines} lines`),
    `functions over ${function_lines_max} lines:`,
  )
})

test('nothing names the machine it was made on, or where packages come from', () => {
  const texts = globSync('{src,sim,bench,scripts,test,docs,.ci}/**/*.*', { cwd: root })
    .concat(globSync('{*.md,*.json,croft,NOTICE,.ci/run}', { cwd: root }))
    .filter(file => !file.startsWith('test/unit/tidy'))
  assert.ok(texts.length >= everything.length, `only ${texts.length} files`)
  const hosts = /\b(?:registry\.npm|npmjs\.(?:com|org)|unpkg\.com|jsdelivr|yarnpkg|pypi\.org|crates\.io|proxy\.golang)/
  const wrong = texts.flatMap(file => {
    const text = readFileSync(path.join(root, file), 'latin1')
    const found = hosts.exec(text)?.[0] ?? (text.includes(`${root}/`) ? root : undefined)
    return found === undefined ? [] : [`${file}: ${found}`]
  })
  none(wrong, 'not to be named:')
})

test('every route says who may use it, and the server serves it exactly once', () => {
  const wrong: string[] = []
  const seen = new Set<string>()
  for (const route of allRoutes) {
    const { name, level, needs, method } = route
    for (const key of [name, `${method} ${route.path}`]) {
      if (seen.has(key)) wrong.push(`${name}: ${key} is there twice`)
      seen.add(key)
    }
    if (needs === null && level !== 'self' && level !== 'public') wrong.push(`${name}: no permission at level ${level}`)
    if (level === 'public' && !publicRoutes.has(name)) wrong.push(`${name} is public without being on the list`)
    const inPath = [...route.path.matchAll(/:(\w+)/g)].map(match => match[1])
    const inShape = Object.keys(route.params?.properties ?? {})
    if (inPath.join() !== inShape.join()) wrong.push(`${name}: path has ${inPath.join()}, params has ${inShape.join()}`)
    const handled = handlers.filter(one => one.route === route).length
    if (handled !== 1) wrong.push(`${name} is handled ${handled} times`)
  }
  for (const { route } of handlers)
    if (!allRoutes.includes(route)) wrong.push(`${route.name} is served but not in the contract`)
  assert.ok(allRoutes.length >= 80, `only ${allRoutes.length} routes`)
  none(wrong, 'routes:')
})

test('a noun has the same file name in every layer', () => {
  const files = new Set(source.map(module => module.file))
  const wrong = Object.keys(contract)
    .filter(noun => !(noun in nounsElsewhere))
    .flatMap(noun =>
      ['src/api', 'src/controller/http', 'src/controller/app', 'src/controller/store'].map(
        folder => `${folder}/${noun}.ts`,
      ),
    )
    .filter(file => !files.has(file))
  none(wrong, 'missing:')
})

test('migrations are numbered without gaps, go forward only, and read their time from croft_now()', () => {
  const folder = path.join(root, 'src/controller/migrations')
  const files = readdirSync(folder).sort()
  assert.ok(files.length >= 1)
  for (const [n, file] of files.entries()) {
    assert.match(file, /^\d{4}-[a-z0-9-]+\.sql$/)
    assert.equal(Number(file.slice(0, 4)), n + 1, `${file}: a number is missing, or there twice`)
    const statements = splitScript(readFileSync(path.join(folder, file), 'utf8'))
    assert.ok(statements.length > 0, `${file} is empty`)
    for (const statement of statements) {
      if (/\bfunction croft_now\b/.test(statement)) continue
      assert.doesNotMatch(
        statement,
        /\b(now|clock_timestamp)\(\)|\bcurrent_timestamp\b/i,
        `${file}: ${statement.slice(0, 60)}`,
      )
    }
  }
})

test('everything that is shipped is free to ship, and NOTICE names it', () => {
  const shipped = shippedPackages(root)
  assert.ok(shipped.length >= 60, `only ${shipped.length} packages`)
  none(
    shipped.filter(one => !freeLicences.has(one.licence)).map(one => `${one.name}: ${one.licence}`),
    'licences to look at before they are shipped (test/unit/tidy/licences.ts):',
  )
  const words = new Set(readFileSync(path.join(root, 'NOTICE'), 'utf8').split(/[\s,]+/))
  none(
    shipped.filter(one => one.to_name && !words.has(one.name)).map(one => `${one.name} (${one.licence})`),
    'NOTICE does not name:',
  )
})

test('the shell calls only what scripts/ensure.sh has', () => {
  const here = (file: string) => readFileSync(path.join(root, file), 'utf8')
  const defined = new Set(here('scripts/ensure.sh').match(/^\w+(?=\(\) \{)/gm))
  const callers = ['croft', '.ci/run', ...globSync('scripts/*.sh', { cwd: root })]
  const called = callers.flatMap(file => (here(file).match(/\bensure_\w+/g) ?? []).map(name => ({ file, name })))
  assert.ok(called.length >= 4, `only ${called.length} calls were found`)
  none(
    called.filter(({ name }) => !defined.has(name)).map(({ file, name }) => `${file}: ${name}`),
    'calls of what is not there:',
  )
})
