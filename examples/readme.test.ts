/** What README.md and the pages under docs show of the examples, and the commands by which they send a first frame. */
import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { startDaemon } from '@shardwire/testkit'
import { describe, expect, test } from 'vitest'

const run = promisify(execFile)

function textOf(path: string): string {
  return readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
}

/** The blocks of TypeScript on a page. */
function codeBlocks(page: string): string[] {
  return Array.from(textOf(page).matchAll(/```ts\n([\s\S]*?)```/g), ([, code = '']) => code)
}

test.each([
  ['README.md', ['examples/typescript/client.ts', 'examples/services/arithmetic.ts']],
  ['docs/codecs.md', ['examples/codecs/netstring.ts']],
])('every block of code on %s is the file that it names', (page, files) => {
  for (const file of files) expect(textOf(page)).toContain(file)
  expect(codeBlocks(page)).toEqual(files.map(textOf))
})

test('every block of code on docs/services.md is a file of examples/services, or a piece of one', () => {
  const texts = ['arithmetic', 'stock', 'tour'].map((name) => textOf(`examples/services/${name}.ts`))
  const blocks = codeBlocks('docs/services.md')
  expect(blocks.length).toBeGreaterThan(10)
  for (const text of texts.slice(0, 2)) expect(blocks).toContain(text)
  const pieces = texts.flatMap((text) => [text, text.replaceAll(/^ {2}/gm, '')])
  expect(blocks.filter((block) => !pieces.some((text) => text.includes(block)))).toEqual([])
})

describe('the first frame by a command of', () => {
  const hasPython = spawnSync('python3', ['--version']).status === 0

  /** What the page's command for `program` prints, run against a daemon. */
  async function printedBy(page: string, program: string): Promise<string> {
    const line = new RegExp(`^    ${program} -.+$`, 'm').exec(textOf(page))?.[0] ?? ''
    expect(line).toContain('7400')
    await using daemon = await startDaemon()
    const { stdout } = await run('/bin/sh', ['-c', line.replace('7400', String(daemon.port))])
    expect(await daemon.stop()).toBe(0)
    return stdout
  }

  test.each(['README.md', 'docs/protocol.md'])('%s for node prints the same bytes', async (page) => {
    expect(await printedBy(page, 'node')).toBe('<Buffer 00 01 00 00 00 01 78 11 f5 c4 94>\n')
  })

  const skipped = hasPython ? '' : ' (skipped: no python3 here)'

  test.skipIf(!hasPython)(`docs/protocol.md for python3 prints them as hex${skipped}`, async () => {
    expect(await printedBy('docs/protocol.md', 'python3')).toBe('0001000000017811f5c494\n')
  })
})
