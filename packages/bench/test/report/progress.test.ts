import { expect, test } from 'vitest'

import { ProgressLine, progressText } from '../../src/report/progress.ts'
import type { ProgressState } from '../../src/report/progress.ts'

const STATE: ProgressState = {
  phase: 'measured',
  connections: 64,
  idle: { up: 0, goal: 0, lost: 0 },
  connectionsWanted: 64,
  messagesPerSecond: 1_234_567.4,
  samples: 1000,
  p50Us: 480,
  p99Us: 1910,
  p999Us: 9000,
  errors: 0,
  secondsLeft: 6.2,
}

function linesOn(terminal: boolean): string[] {
  const written: string[] = []
  const progress = new ProgressLine({ terminal, columns: 80, colors: false, write: (text) => void written.push(text) })
  progress.show(STATE)
  progress.show({ ...STATE, phase: 'drain' })
  progress.end()
  return written
}

test('a terminal has one line, which is rewritten and cleared in the end', () => {
  const clear = '\r\u001b[2K'
  const written = linesOn(true)
  expect(written.every((text) => text.startsWith(clear) && !text.includes('\n'))).toBe(true)
  expect(written.at(-1)).toBe(clear)
})

test('elsewhere every state is a line of its own, without escapes', () => {
  const written = linesOn(false)
  expect(written).toHaveLength(2)
  expect(written.every((text) => text.endsWith('\n') && !text.includes('\u001b'))).toBe(true)
})

test('shows no percentile before the first sample', () => {
  expect(progressText({ ...STATE, samples: 0 })).toBe(
    'measured  7 s left  1,234,567 messages/s  0 errors  64 connections',
  )
})

test('fits a narrow terminal, where a line that wraps could not be rewritten', () => {
  const written: string[] = []
  const output = { terminal: true, columns: 40, colors: false, write: (text: string) => void written.push(text) }
  new ProgressLine(output).show(STATE)
  expect(written[0]?.replace('\r\u001b[2K', '')).toHaveLength(39)
})

test('says what is going on', () => {
  expect(progressText(STATE)).toBe(
    'measured  7 s left  1,234,567 messages/s  p50 480  p99 1,910  p99.9 9,000 us  0 errors  64 connections',
  )
  const idle = { up: 9_990, goal: 10_000, lost: 10 }
  expect(progressText({ ...STATE, idle })).toMatch(/64 connections {2}9,990 idle, 10 lost$/)
  expect(progressText({ ...STATE, phase: 'connecting', connections: 12 })).toBe('connecting  12 of 64 connections')
  expect(progressText({ ...STATE, phase: 'warm-up', samples: 0 })).not.toContain('p50')
  expect(progressText({ ...STATE, secondsLeft: -3 })).toContain('0 s left')
})
