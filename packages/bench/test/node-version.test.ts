import { withinLimit } from '@shardwire/testkit'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

import { NODE_MAJOR_MIN, nodeProblem } from '@shardwire/protocol/node-version'

test('the oldest Node is the one that package.json names', () => {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    engines: { node: string }
  }
  expect(manifest.engines.node).toBe(`>=${NODE_MAJOR_MIN}`)
})

test.each(['26.0.0', '26.10.0', '27.0.0-nightly', '100.1.0'])('%s is new enough', (version) => {
  expect(nodeProblem('x', version)).toBeUndefined()
})

test.each(['8.17.0', '18.20.4', '25.9.9'])('%s is too old', (version) => {
  expect(nodeProblem('shardwire-bench', version)).toBe(`shardwire-bench needs Node 26 or newer, this is v${version}`)
})

describe('the program on a Node that is too old', () => {
  // The Node is the pinned one that says it is another; what it loads behind the check would fail, as it does there.
  const versions = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })`
  const poison = `import { registerHooks } from 'node:module'
    registerHooks({
      load(url, context, next) {
        if (url.endsWith('/program.ts')) throw new Error('loaded on an old Node')
        return next(url, context)
      },
    })`
  const preloads = [versions, poison].map((code) => `--import=data:text/javascript,${encodeURIComponent(code)}`)
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

  test('says so in one line, exits with 1, and loads nothing else', async () => {
    const ended = Promise.withResolvers<{ code: unknown; stdout: string; stderr: string }>()
    const args = [...preloads, '--conditions=source', main, '--version']
    execFile(process.execPath, args, (error, stdout, stderr) => {
      ended.resolve({ code: error === null ? 0 : error.code, stdout, stderr })
    })
    expect(await withinLimit(ended.promise, () => 'the program has not ended')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'shardwire-bench needs Node 26 or newer, this is v20.20.2\n',
    })
  })
})
