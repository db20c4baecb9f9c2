/**
 * What users get: the four tarballs, installed by plain npm into an empty folder, imported, run and type-checked there.
 */
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { leftoversOf } from '../pack/leftovers.ts'

const ROOT = join(import.meta.dirname, '../..')
const PACKAGES = ['bench', 'client', 'protocol', 'server']
/** Time for npm and the network it needs, which is not ours. */
const INSTALL_TIMEOUT_MS = 180_000
const NPM_FLAGS = ['--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline', '--fetch-retries=0']
const NO_NETWORK =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT|\bE50\d\b/

const SERVICE = `import { runBench } from '@shardwire/bench'
import { connect } from '@shardwire/client'
import { crc32 } from '@shardwire/protocol'
import { defineService, route } from '@shardwire/server'
const routes = { echo: route(1, { body: 'bytes' }, (request) => request.forward()) }
export default defineService({ name: \`crc \${crc32(new Uint8Array(1), 0, 1)}\`, routes })
export const answer: Promise<Uint8Array> = connect({ host: 'h', port: 1 }).then((one) => one.request(1))
// @ts-expect-error the types are there, and a port is no string
void connect({ host: 'h', port: 'x' })
void runBench
`

/** That types flow from a schema to whoever calls, through the packages as they are installed. */
const CALLER = `import { bindRoutes, connect } from '@shardwire/client'
import { clientRoute, defineService, type Request, route, typed } from '@shardwire/server'
import { testService } from '@shardwire/server/testing'
import { z } from 'zod'
declare module '@shardwire/server' { interface Attributes { user?: string } }
const order = route(1, { body: z.object({ item: z.string() }), answer: z.number() }, ({ body, connection }) => {
  const user: string | undefined = connection.attributes.user ?? connection.session?.client.name
  return body.item.length + (user?.length ?? 0)
})
// @ts-expect-error not what the schema says that it answers
const wrong = route(2, { answer: z.number() }, ({ route: name }: Request) => name)
// @ts-expect-error misspelt
const typo = route(3, { bodyy: z.string() }, () => 1)
const service = defineService({ name: 'typed', routes: { order } })
const routes = bindRoutes<typeof service>()(await connect({ host: 'h', port: 1 }), { order: 1 })
export const answers: readonly number[] = [
  await routes.order({ item: 'tea' }),
  await (await testService(service)).call('order', { item: 'tea' }),
]
// @ts-expect-error an item is a text
await routes.order({ item: 1 })
// @ts-expect-error there is no such route
await (await testService(service)).call('ordr', { item: 'tea' })
const sensor = clientRoute(40, { body: typed<{ place: string }>(), answer: z.number() })
const measure = route(4, async ({ connection }) => {
  // The error is where it helps, at what is wrong, and not at the route.
  await connection.request(sensor, {
    // @ts-expect-error a place is a text
    place: 1,
  })
  connection.send(sensor, {
    // @ts-expect-error likewise
    place: 1,
  })
  return (await connection.request(sensor, { place: 'roof' })).toFixed()
})
void [wrong, typo, measure]
`

const TSCONFIG = {
  compilerOptions: {
    ...{ strict: true, noEmit: true, module: 'nodenext', target: 'es2024', lib: ['es2024', 'esnext.disposable'] },
    ...{ types: ['node'], typeRoots: [join(ROOT, 'node_modules/@types')] },
  },
  files: ['service.ts', 'caller.ts'],
}

interface Ended {
  readonly code: unknown
  readonly output: string
}

/** Runs a program in `cwd`, with the Node of the tests as `node`. */
async function run(cwd: string, file: string, ...args: string[]): Promise<Ended> {
  const env = { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}` }
  const ended = Promise.withResolvers<Ended>()
  execFile(file, args, { cwd, env, maxBuffer: 1e7 }, (error, stdout, stderr) => {
    ended.resolve({ code: error === null ? 0 : (error.code ?? error.signal), output: `${stdout}${stderr}` })
  })
  return await ended.promise
}

describe('the tarballs', () => {
  const home = mkdtempSync(join(tmpdir(), 'shardwire-pack-'))
  const [tarballs, user] = [join(home, 'tarballs'), join(home, 'user')]
  /** Why nothing could be installed, where that is the network's fault. */
  let unreachable: string | undefined

  beforeAll(async () => {
    const packed = await run(ROOT, process.execPath, join(ROOT, 'scripts/pack.ts'), tarballs)
    expect(packed).toMatchObject({ code: 0 })
    mkdirSync(user)
    writeFileSync(join(user, 'package.json'), '{ "private": true, "type": "module" }\n')
    const files = readdirSync(tarballs).map((name) => join(tarballs, name))
    const installed = await run(user, 'npm', 'install', ...NPM_FLAGS, ...files)
    if (installed.code !== 0 && NO_NETWORK.test(installed.output)) unreachable = installed.output
    else expect(installed).toMatchObject({ code: 0 })
  }, INSTALL_TIMEOUT_MS)

  afterAll(() => {
    rmSync(home, { recursive: true })
  })

  it.each(PACKAGES)('of %s holds license, build, sources and schemas, and no tests', (name) => {
    const tarball = join(tarballs, readdirSync(tarballs).find((file) => file.startsWith(`shardwire-${name}-`)) ?? '')
    const files = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n')
    const expected = ['LICENSE', 'package.json', 'dist/index.js', 'dist/index.d.ts', 'src/index.ts']
    expect(files).toEqual(expect.arrayContaining(expected.map((file) => `package/${file}`)))
    const known = /^package\/(LICENSE$|package\.json$|(dist|src|assets|deploy|scenarios|schemas)\/)/
    expect(files.filter((file) => !known.test(file))).toEqual([])
    expect(files.filter((file) => /(^|\/)(test|fixtures)\/|\.test\./.test(file))).toEqual([])
    if (name === 'server') {
      const page = ['assets/dashboard/index.html', 'assets/dashboard/page.css', 'dist/dashboard/main.js']
      expect(files).toEqual(expect.arrayContaining(page.map((file) => `package/${file}`)))
    }
    expect(files.filter((file) => file.endsWith('.tsbuildinfo'))).toEqual([])
    const manifest = execFileSync('tar', ['-xzOf', tarball, 'package/package.json'], { encoding: 'utf8' })
    expect(manifest).not.toContain('workspace:')
  })

  it('can be imported, each by its name', async (context) => {
    context.skip(unreachable !== undefined, 'npm cannot reach its registry')
    const code = PACKAGES.map((name) => `await import('@shardwire/${name}')`).join('\n')
    expect(await run(user, process.execPath, '--input-type=module', '--eval', code)).toEqual({ code: 0, output: '' })
  })

  it.for(['shardwire', 'shardwire-bench', 'shardwire-client'])('bring the program %s', async (program, context) => {
    context.skip(unreachable !== undefined, 'npm cannot reach its registry')
    const version = await run(user, join(user, 'node_modules/.bin', program), '--version')
    expect(version).toEqual({ code: 0, output: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
  })

  it('of the client install without the server', async (context) => {
    context.skip(unreachable !== undefined, 'npm cannot reach its registry')
    const alone = join(home, 'alone')
    mkdirSync(alone)
    writeFileSync(join(alone, 'package.json'), '{ "private": true, "type": "module" }\n')
    const files = readdirSync(tarballs).filter((name) => /^shardwire-(client|protocol)-/.test(name))
    const installed = await run(alone, 'npm', 'install', ...NPM_FLAGS, ...files.map((name) => join(tarballs, name)))
    expect(installed).toMatchObject({ code: 0 })
    expect(readdirSync(join(alone, 'node_modules/@shardwire')).sort()).toEqual(['client', 'protocol'])
    const code = `const { connect } = await import('@shardwire/client')
      const error = await connect({ host: '127.0.0.1', port: 1 }).catch((error) => error)
      process.stdout.write(error.code)`
    const ended = await run(alone, process.execPath, '--input-type=module', '--eval', code)
    expect(ended).toEqual({ code: 0, output: 'CONNECT_FAILED' })
    const called = await run(alone, join(alone, 'node_modules/.bin/shardwire-client'), '127.0.0.1:1', 'ping')
    expect(called).toEqual({ code: 3, output: expect.stringContaining('connect failed (ECONNREFUSED)') })
  })

  it('bring their types', async (context) => {
    context.skip(unreachable !== undefined, 'npm cannot reach its registry')
    writeFileSync(join(user, 'service.ts'), SERVICE)
    writeFileSync(join(user, 'caller.ts'), CALLER)
    writeFileSync(join(user, 'tsconfig.json'), JSON.stringify(TSCONFIG))
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
    expect(await run(user, process.execPath, tsc, '-p', '.', '--pretty', 'false')).toEqual({ code: 0, output: '' })
  })
})

describe('what is left in dist', () => {
  it('is what has no source any more', () => {
    const folder = mkdtempSync(join(tmpdir(), 'shardwire-dist-'))
    for (const part of ['src/deep', 'dist/deep', 'dist/gone']) mkdirSync(join(folder, part), { recursive: true })
    const kept = ['a.js', 'a.js.map', 'a.d.ts', 'a.d.ts.map', 'deep/b.js', '.tsbuildinfo']
    const gone = ['c.js', 'c.d.ts.map', 'deep/a.js', 'gone/d.d.ts']
    for (const file of ['a.ts', 'deep/b.ts']) writeFileSync(join(folder, 'src', file), '')
    for (const file of [...kept, ...gone]) writeFileSync(join(folder, 'dist', file), '')
    expect(leftoversOf(folder).sort()).toEqual(gone.map((file) => join(folder, 'dist', file)).sort())
    rmSync(folder, { recursive: true })
  })
})
