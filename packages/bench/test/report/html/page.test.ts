import { type Browser, chromiumPath, openChromium } from '@shardwire/testkit/chromium'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { capacityPage } from '../../../src/report/html/capacity-page.ts'
import { pageOf } from '../../../src/report/html/page.ts'
import type { Page } from '../../../src/report/html/page.ts'
import { runPage } from '../../../src/report/html/run-page.ts'
import { capacityReportWith } from '../../fixtures/capacity-report.ts'
import { runReportWith } from '../../fixtures/run-report.ts'

const EMPTY: Page = {
  title: 'a <b>title</b> & "more"',
  lead: "it's </script>",
  verdict: { state: 'SUSPECT', reasons: ['<img src=x onerror=alert(1)>'] },
  objectives: [{ text: 'p99<10ms, was 3 ms', met: true }],
  tiles: [{ name: '<i>', value: '1', unit: '&', beside: '"' }],
  sections: [
    {
      kind: 'lines',
      title: '<u>',
      note: '',
      isWide: true,
      x: { name: 'at', scale: 'linear', unit: 'seconds', values: [0, 1] },
      y: { scale: 'linear', unit: 'count' },
      series: [{ label: '</script><b>', values: [1, 2], color: 1, style: 'line' }],
    },
  ],
  foot: '',
}

test('no text from outside becomes markup', () => {
  const html = pageOf(EMPTY)
  expect(html).not.toContain('<b>title')
  expect(html).not.toContain('<img src=x')
  expect(html).not.toMatch(/<script[^>]*>[^<]*<\/script><b>/)
  expect(html).toContain('a &lt;b&gt;title&lt;/b&gt; &amp; &quot;more&quot;')
})

test('a page names no other place: it needs no network', () => {
  const html = runPage(runReportWith())
  // The library tells where it comes from, in a comment.
  expect(html.replaceAll('https://github.com/leeoniya/uPlot', '')).not.toMatch(/https?:\/\/|src=|@import|url\(/)
})

describe.runIf(chromiumPath !== undefined)('in Chromium', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'shardwire-bench-'))
  let browser: Browser
  beforeAll(async () => {
    browser = await openChromium()
  })
  afterAll(async () => {
    await browser.close()
    rmSync(folder, { recursive: true })
  })

  const sizes = [
    ['desktop', 1280, 900],
    ['phone', 360, 740],
  ] as const
  const schemes = ['light', 'dark'] as const
  const cases = sizes.flatMap(([name, width, height]) =>
    schemes.map((scheme) => [name, scheme, width, height] as const),
  )

  test.each(cases)('a run fits a %s in the %s, and draws all of its charts', async (_name, scheme, width, height) => {
    const file = path.join(folder, 'run.html')
    writeFileSync(file, runPage(runReportWith()))
    const page = await browser.newPage({ viewport: { width, height }, colorScheme: scheme })
    const faults: string[] = []
    page.on('pageerror', (error) => faults.push(String(error)))
    page.on('console', (message) => faults.push(message.text()))
    page.on('request', (request) => {
      if (!request.url().startsWith('file:')) faults.push(request.url())
    })
    await page.goto(`file://${file}`)
    expect(faults).toEqual([])
    // Strings, since these run in the page.
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0)
    const drawn = (await page.evaluate(
      '[...document.querySelectorAll("canvas")].map((canvas) => new Set(new Uint32Array(canvas.getContext("2d")' +
        '.getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size)',
    )) as number[]
    expect(drawn).toHaveLength(6)
    for (const colours of drawn) expect(colours).toBeGreaterThan(5)
    const legends = await page.locator('.legend').allInnerTexts()
    expect(legends[0]).toContain('response')
    expect(legends[1]).toContain('in an interval')
    await page.close()
  })

  test('pointing at a chart tells its values', async () => {
    const file = path.join(folder, 'pointed.html')
    writeFileSync(file, runPage(runReportWith()))
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    await page.goto(`file://${file}`)
    const place = await page.locator('.chart .u-over').first().boundingBox()
    if (place === null) throw new Error('no chart')
    await page.mouse.move(place.x + place.width / 2, place.y + 20)
    expect(await page.locator('.legend').first().innerText()).toMatch(/response [\d.]+ (µs|ms|s).*percentile [\d.]+ %/s)
    await page.close()
  })

  test('a reason without a space breaks rather than make the page wider than a phone', async () => {
    const file = path.join(folder, 'long.html')
    const reasons = [`${'{"fromPerSecond":5000,'.repeat(20)} and more`]
    writeFileSync(file, pageOf({ ...EMPTY, lead: 'x'.repeat(300), verdict: { state: 'INVALID', reasons } }))
    const page = await browser.newPage({ viewport: { width: 360, height: 740 } })
    await page.goto(`file://${file}`)
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0)
    await page.close()
  })

  test.each([
    ['desktop', 1280],
    ['phone', 360],
  ])('a reason in a table breaks into lines on a %s, and none of it is out of sight', async (name, width) => {
    const file = path.join(folder, 'capacity.html')
    const why = 'A process with nothing to do was woken 123.45 ms late at p99, where the response time is 2 ms. '
    writeFileSync(file, capacityPage(capacityReportWith('p90<100ms', why.repeat(2).trim())))
    const page = await browser.newPage({ viewport: { width, height: 900 } })
    await page.goto(`file://${file}`)
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0)
    const cell = page.locator('td.sentence').last()
    expect(await cell.innerText()).toBe(`generator: ${why.repeat(2).trim()}`)
    // On a phone the numbers are wider than the page by themselves: the table scrolls, and the words stay readable.
    if (name === 'desktop') {
      const surplus = '(cell => cell.closest(".scroll").scrollWidth - cell.closest(".scroll").clientWidth)'
      expect(await page.evaluate(`${surplus}([...document.querySelectorAll("td.sentence")].at(-1))`)).toBe(0)
    }
    const wide =
      '[...document.querySelectorAll(".tile .value")].filter((one) => one.scrollWidth > one.clientWidth).length'
    expect(await page.evaluate(wide)).toBe(0)
    const box = await cell.boundingBox()
    expect(box?.width).toBeGreaterThan(150)
    expect(box?.width).toBeLessThan(width)
    await page.close()
  })

  test('text that looks like markup is only text', async () => {
    const file = path.join(folder, 'empty.html')
    writeFileSync(file, pageOf(EMPTY))
    const page = await browser.newPage()
    await page.goto(`file://${file}`)
    expect(await page.locator('h1').innerText()).toBe('a <b>title</b> & "more"')
    expect(await page.locator('.verdict img').count()).toBe(0)
    await page.close()
  })
})
