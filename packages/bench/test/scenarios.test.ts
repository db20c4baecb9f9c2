import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

import { parseCommand } from '../src/commands/command.ts'
import { aboutScenario, readScenario, scenarioNames } from '../src/options/config-file.ts'
import { brokenRules, RUN_FLAGS } from '../src/run/run-options.ts'

const DOC = readFileSync(new URL('../../../docs/bench.md', import.meta.url), 'utf8')

test('the scenarios are the files', () => {
  const files = readdirSync(new URL('../scenarios/', import.meta.url))
  expect(scenarioNames().map((name) => `${name}.json`)).toEqual(files.toSorted())
})

describe.each(scenarioNames())('the scenario %s', (name) => {
  test('is valid, says what it is for, and is explained in docs/bench.md', () => {
    expect(parseCommand('run', RUN_FLAGS, ['--scenario', name], { check: brokenRules })).toMatchObject({ ok: true })
    expect(aboutScenario(name)).toMatch(/^\S.{20,}/)
    expect(DOC).toContain(`\`${name}\``)
  })
})

test('one that does not exist is refused with those that do', () => {
  expect(() => readScenario('walk')).toThrow(/no scenario walk: expected one of .*ping-pong/)
})
