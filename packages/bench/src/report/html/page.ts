/**
 * Owns the frame of a report's page: one file that needs no other, and no network.
 * Must not know: what the report is about.
 * Invariant: every text from outside is escaped. The charts' data, the script, the library that draws and the style
 * sheet all stand in the page.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

import type { Verdict } from '../../run/verdict.ts'
import type { Chart } from './charts.ts'

/** Beside src and dist alike. */
const ASSETS = new URL('../../../assets/', import.meta.url)

const SIGNS = { VALID: '✓', SUSPECT: '!', INVALID: '✕' } as const
const MEANINGS = {
  VALID: 'Every frame was answered rightly, and the generator was not the limit.',
  SUSPECT: 'Read the numbers with these doubts in mind:',
  INVALID: 'Do not use these numbers:',
} as const

export interface Tile {
  readonly name: string
  readonly value: string
  readonly unit?: string
  readonly beside?: string
}

export interface Table {
  readonly kind: 'table'
  readonly title: string
  readonly note: string
  readonly isWide: boolean
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** Whether cells are words rather than numbers. */
  readonly isText?: boolean
  /** Whether the last column holds sentences: they break into lines, numbers never do. */
  readonly hasSentences?: boolean
}

/** Names and what they are. */
export interface Facts {
  readonly kind: 'facts'
  readonly title: string
  readonly isOpen: boolean
  readonly rows: readonly (readonly [string, string])[]
}

export interface Prose {
  readonly kind: 'prose'
  readonly title: string
  readonly paragraphs: readonly string[]
}

export interface Page {
  readonly title: string
  readonly lead: string
  readonly verdict: Verdict | null
  /** What was asked for: met or missed, in words. */
  readonly objectives: readonly { readonly text: string; readonly met: boolean }[]
  readonly tiles: readonly Tile[]
  readonly sections: readonly (Chart | Table | Facts | Prose)[]
  readonly foot: string
}

export function pageOf(page: Page): string {
  const charts = page.sections.flatMap((section, index) =>
    section.kind === 'lines' || section.kind === 'heat' ? [{ ...section, id: `chart-${index}` }] : [],
  )
  const body = [
    `<header><div class="brand">shardwire-bench</div><h1>${escaped(page.title)}</h1>`,
    `<p class="lead">${escaped(page.lead)}</p></header>`,
    page.verdict === null ? '' : verdictOf(page.verdict),
    objectivesOf(page.objectives),
    `<section class="tiles">${page.tiles.map(tileOf).join('')}</section>`,
    `<section class="cards">${page.sections.map((section, index) => sectionOf(section, index)).join('')}</section>`,
    `<footer>${escaped(page.foot)}</footer>`,
  ]
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escaped(page.title)}</title>`,
    `<style>${libraryFile('uPlot.min.css')}${asset('page.css')}</style></head>`,
    `<body><main>${body.join('\n')}</main>`,
    `<script type="application/json" id="charts">${dataOf(charts)}</script>`,
    `<script>${libraryFile('uPlot.iife.min.js')}</script>`,
    `<script>${asset('page.js')}</script></body></html>`,
    '',
  ].join('\n')
}

/** Text for use within an element or an attribute. */
export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}

/** JSON that cannot end the script element that it stands in. */
function dataOf(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c')
}

function verdictOf({ state, reasons }: Verdict): string {
  const list = reasons.length === 0 ? '' : `<ul>${reasons.map((reason) => `<li>${escaped(reason)}</li>`).join('')}</ul>`
  return [
    `<section class="verdict ${state}"><div class="sign" aria-hidden="true">${SIGNS[state]}</div>`,
    `<div class="word">${state}</div><div class="what">${MEANINGS[state]}${list}</div></section>`,
  ].join('')
}

function objectivesOf(objectives: Page['objectives']): string {
  if (objectives.length === 0) return ''
  const items = objectives.map(({ text, met }) => {
    return `<li class="${met ? 'VALID' : 'INVALID'}">${met ? '✓ met' : '✕ missed'}: ${escaped(text)}</li>`
  })
  return `<ul class="objectives">${items.join('')}</ul>`
}

function tileOf({ name, value, unit, beside }: Tile): string {
  const small = unit === undefined ? '' : ` <span class="unit">${escaped(unit)}</span>`
  const below = beside === undefined ? '' : `<div class="beside">${escaped(beside)}</div>`
  const number = `<div class="value">${escaped(value)}${small}</div>`
  return `<div class="tile"><div class="name">${escaped(name)}</div>${number}${below}</div>`
}

function sectionOf(section: Page['sections'][number], index: number): string {
  switch (section.kind) {
    case 'lines':
    case 'heat':
      return card(section, `<div class="legend"></div><div class="chart"></div>`, `chart-${index}`)
    case 'table':
      return card(section, tableOf(section), '')
    case 'facts':
      return factsOf(section)
    case 'prose': {
      const paragraphs = section.paragraphs.map((text) => `<p>${escaped(text)}</p>`).join('')
      const title = `<summary>${escaped(section.title)}</summary>`
      return `<details class="card wide prose">${title}<div>${paragraphs}</div></details>`
    }
  }
}

function card(
  { title, note, isWide }: { title: string; note: string; isWide: boolean },
  body: string,
  id: string,
): string {
  const head = `<h2>${escaped(title)}</h2>${note === '' ? '' : `<p class="note">${escaped(note)}</p>`}`
  return `<article class="card${isWide ? ' wide' : ''}"${id === '' ? '' : ` id="${id}"`}>${head}${body}</article>`
}

function tableOf({ head, rows, isText, hasSentences }: Table): string {
  const last = head.length - 1
  const kind = (column: number): string =>
    isText === true ? ' class="text"' : hasSentences === true && column === last ? ' class="text sentence"' : ''
  const cells = (row: readonly string[], tag: string): string =>
    `<tr>${row.map((text, column) => `<${tag}${kind(column)}>${escaped(text)}</${tag}>`).join('')}</tr>`
  const body = rows.map((row) => cells(row, 'td')).join('')
  return `<div class="scroll"><table><thead>${cells(head, 'th')}</thead><tbody>${body}</tbody></table></div>`
}

function factsOf({ title, isOpen, rows }: Facts): string {
  const body = rows.map(([name, text]) => `<tr><td>${escaped(name)}</td><td>${escaped(text)}</td></tr>`).join('')
  const table = `<table class="facts"><tbody>${body}</tbody></table>`
  return `<details class="card wide"${isOpen ? ' open' : ''}><summary>${escaped(title)}</summary>${table}</details>`
}

function asset(name: string): string {
  return readFileSync(new URL(name, ASSETS), 'utf8')
}

function libraryFile(name: string): string {
  const main = createRequire(import.meta.url).resolve('uplot')
  return readFileSync(new URL(name, `file://${main}`), 'utf8')
}
