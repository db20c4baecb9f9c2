import { describe, expect, it } from 'vitest'
import { chooseCases, fullName, parseArguments } from '../src/arguments.ts'
import type { CaseName } from '../src/arguments.ts'
import { CASES } from '../src/catalogue.ts'

const NAMES: readonly CaseName[] = [
  { group: 'micro', name: 'decode-64B' },
  { group: 'macro', name: 'message-64B-x64' },
  { group: 'macro', name: 'request-1KB-x64' },
]

describe('parseArguments', () => {
  it('takes words and flags in any order', () => {
    const parsed = parseArguments(['--rounds', '5', 'macro', '--seconds', '0.5', '64B', '--json', 'a.json'])
    const options = { rounds: 5, seconds: 0.5, connections: null, jsonFile: 'a.json', words: ['macro', '64B'] }
    expect(parsed).toEqual({ kind: 'run', options })
  })

  it('leaves to each group what is not said', () => {
    const options = { rounds: null, seconds: null, connections: null, jsonFile: null, words: [] }
    expect(parseArguments([])).toEqual({ kind: 'run', options })
  })

  it('knows --help and --list', () => {
    expect(parseArguments(['macro', '--help'])).toEqual({ kind: 'help' })
    expect(parseArguments(['--list'])).toEqual({ kind: 'list' })
  })

  it.each([
    [['--rounds', '0'], '--rounds: expected a whole number from 1 to 1000, got "0"'],
    [['--rounds', '1.5'], '--rounds: expected a whole number from 1 to 1000, got "1.5"'],
    [['--connections', 'many'], '--connections: expected a whole number from 1 to 1000000, got "many"'],
    [['--seconds', '0'], '--seconds: expected a number above 0 and up to 3600, got "0"'],
    [['--seconds', '3s'], '--seconds: expected a number above 0 and up to 3600, got "3s"'],
    [['--json', ''], '--json: expected the name of a file, got nothing'],
    [['--round', '3'], "Unknown option '--round'"],
    [['--rounds'], 'argument missing'],
  ])('refuses %j', (args, message) => {
    expect(parseArguments(args)).toEqual({ kind: 'wrong', message: expect.stringContaining(message) })
  })
})

describe('chooseCases', () => {
  const chosen = (...words: string[]): unknown => {
    const cases = chooseCases(NAMES, words)
    return typeof cases === 'string' ? cases : cases.map(fullName)
  }

  it('chooses all without words, whole groups, and parts of names', () => {
    expect(chosen()).toHaveLength(3)
    expect(chosen('macro')).toEqual(['macro/message-64B-x64', 'macro/request-1KB-x64'])
    expect(chosen('64B')).toEqual(['micro/decode-64B', 'macro/message-64B-x64'])
    expect(chosen('macro', '64B')).toEqual(['macro/message-64B-x64'])
    expect(chosen('macro/request')).toEqual(['macro/request-1KB-x64'])
    expect(chosen('micro', 'macro/request')).toEqual(['micro/decode-64B', 'macro/request-1KB-x64'])
  })

  it('chooses one case by its whole name, though that begins another', () => {
    const cases = [...NAMES, { group: 'macro', name: 'message-64B-x64-deep16' } as const]
    expect(chooseCases(cases, ['macro/message-64B-x64'])).toEqual([NAMES[1]])
    expect(chooseCases(cases, ['message-64B-x64'])).toHaveLength(2)
    expect(chooseCases(cases, ['macro/message'])).toHaveLength(2)
  })

  it('says what there is when nothing is left', () => {
    const groups = 'micro, macro, offload, slow-readers, client, accept'
    expect(chosen('macor')).toContain(`no case has "macor" in its name; expected ${groups}`)
    expect(chosen('micro', 'macro/nothing')).toContain('no case has "macro/nothing" in its name')
    expect(chosen('micro', '1KB')).toMatch(/"1KB".*\n {2}micro\/decode-64B$/)
  })
})

describe('the catalogue', () => {
  it('has no name twice', () => {
    const names = CASES.map(fullName)
    expect(names).toEqual([...new Set(names)])
  })
})
