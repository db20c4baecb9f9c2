/**
 * Owns `npm run chromium`: a Chromium for the tests of pages, where the machine has none.
 * One that cannot be had fails nothing: those tests are skipped then, and counted so. Its own lines go to stderr.
 */
import { BROWSERS_FOLDER, findChromium } from '@shardwire/testkit/chromium'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { ensureChromium } from './chromium/ensure.ts'

const ROOT = join(import.meta.dirname, '..')
const PLAYWRIGHT = join(ROOT, 'packages/testkit/node_modules/playwright-core/cli.js')

function say(text: string): void {
  process.stderr.write(`shardwire: ${text}\n`)
}

function run(program: string, args: readonly string[]): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', PLAYWRIGHT_BROWSERS_PATH: BROWSERS_FOLDER }
  const child = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'inherit'] })
  child.once('error', () => resolve(false))
  child.once('close', (code) => resolve(code === 0))
  return promise
}

const found = await ensureChromium({
  find: findChromium,
  isRoot: process.getuid?.() === 0,
  run,
  download: [process.execPath, PLAYWRIGHT, 'install', '--only-shell', 'chromium'],
  say,
})
if (found === undefined) {
  say(
    'there is no Chromium, and none could be installed: the tests of pages will be skipped. Install one, or name it ' +
      'in SHARDWIRE_CHROMIUM',
  )
} else process.stdout.write(`${found}\n`)
