import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { findChromium } from '../src/chromium.ts'

const home = mkdtempSync(join(tmpdir(), 'shardwire-chromium-'))

afterAll(() => {
  rmSync(home, { recursive: true })
})

function program(name: string, mode = 0o755): string {
  const file = join(home, name)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, '')
  chmodSync(file, mode)
  return file
}

it('a Chromium is the one that is named, or one on the PATH, or one that was downloaded', () => {
  const browsers = join(home, 'browsers')
  const find = (environment: Record<string, string>): string | undefined => findChromium(environment, browsers)
  expect(find({ PATH: join(home, 'bin') })).toBe(undefined)
  const fetched = program('browsers/chromium_headless_shell-1/chrome-headless-shell-linux64/chrome-headless-shell')
  program('bin/chromium', 0o644)
  expect(find({ PATH: join(home, 'bin') })).toBe(fetched)
  const installed = program('bin/chromium-headless-shell')
  expect(find({ PATH: `${join(home, 'none')}:${join(home, 'bin')}` })).toBe(installed)
  expect(find({ PATH: join(home, 'bin'), SHARDWIRE_CHROMIUM: 'somewhere' })).toBe('somewhere')
})
