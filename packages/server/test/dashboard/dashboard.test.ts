/** Owns the tests of the dashboard: a live daemon, real connections, and a real browser. */
import { encodeBody } from '@shardwire/protocol'
import { type Daemon, eventually, RawClient, startDaemon } from '@shardwire/testkit'
import { type Browser, chromiumPath, openChromium, type Page } from '@shardwire/testkit/chromium'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as frames from '../e2e/frames.ts'
import { type Look, type Opened, openPage } from './open-page.ts'

const TOKEN = 'a-token-that-may-act'
const READ_TOKEN = 'a-token-that-may-read'
const ADMIN = { SHARDWIRE_ADMIN: 'http://127.0.0.1:0', SHARDWIRE_ADMIN_TOKEN: TOKEN, SHARDWIRE_WORKERS: '2' }
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const TABS = ['overview', 'connections', 'closed', 'config']
const EVIL = '<img src=//elsewhere.invalid/x onerror=alert(1)><b>"\'&'
const GARBAGE = 'GET / HTTP/1.1\r\n\r\n'

// Each waits for what comes once a second: they do so beside one another. Those that count connections have a daemon of
// their own.
describe.runIf(chromiumPath !== undefined).concurrent('the dashboard', () => {
  let browser: Browser
  let shared: Daemon

  beforeAll(async () => {
    ;[browser, shared] = await Promise.all([openChromium(), startDaemon(ADMIN)])
  })
  afterAll(async () => {
    await browser.close()
    await shared[Symbol.asyncDispose]()
  })

  const open = (daemon: Daemon, place: string, look?: Look): Promise<Opened> =>
    openPage(browser, `${daemon.admin}/${place}`, look)

  it('shows what happens as it happens, and needs nothing but the daemon', async () => {
    await using daemon = await startDaemon(ADMIN)
    await using crowd = new Crowd(daemon)
    await using opened = await open(daemon, '')
    const { page, faults } = opened
    await page.locator('#state', { hasText: 'ready' }).waitFor()
    const [first] = await crowd.join(3)
    await tile(page, 'Connections', '3').waitFor()
    const echo = async (): Promise<void> => {
      for (let id = 1; id <= 100; id++) await first?.sendFrames(frames.request(frames.ROUTE_ECHO, id, 'x'.repeat(50)))
      await first?.frames(100)
    }
    const rate = page.locator('.tile', { hasText: 'Messages in' }).locator('.value')
    while ((await rate.textContent())?.endsWith('k/s') !== true) await echo()
    await page.locator('#routes td', { hasText: 'echo' }).waitFor()
    await page.locator('#talkers .opener').first().waitFor()
    expect(await page.locator('article.worker').count()).toBe(2)
    expect(await page.locator('#chart-rate').getAttribute('aria-label')).toMatch(
      /^Messages a second: in [\d.]+( k)?, out/,
    )
    expect(await coloursOf(page, '#chart-heat canvas')).toBeGreaterThan(2)
    expect(await coloursOf(page, '#chart-rate canvas')).toBeGreaterThan(5)
    // Who comes later sees what was before.
    const asked = page.waitForResponse(`${daemon.admin}/api/history`)
    await page.reload()
    const { points } = (await (await asked).json()) as { points: readonly unknown[] }
    expect(points.length).toBeGreaterThan(1)
    await eventually(
      async () => Number(await page.locator('#chart-rate').getAttribute('data-points')) >= points.length,
      () => `fewer than ${points.length} points are drawn`,
    )
    expect(faults).toEqual([])
  })

  it('sorts, filters and turns the pages of connections', async () => {
    await using daemon = await startDaemon(ADMIN)
    await using crowd = new Crowd(daemon)
    await crowd.join(60)
    await using opened = await open(daemon, '#connections')
    const { page, faults } = opened
    const told = page.locator('#told-connections')
    const field = (label: string): ReturnType<Page['locator']> => page.locator('#filters-connections').getByLabel(label)
    await told.filter({ hasText: '1 to 50 of 60' }).waitFor()
    await page.getByRole('button', { name: 'Frames in' }).click()
    await cell(page, 'frames', '60').waitFor()
    expect(await cells(page, 'frames')).toEqual(Array.from({ length: 50 }, (_, index) => String(60 - index)))
    await page.getByRole('button', { name: 'Next' }).click()
    await told.filter({ hasText: '51 to 60 of 60' }).waitFor()
    expect(await cells(page, 'frames')).toEqual(['10', '9', '8', '7', '6', '5', '4', '3', '2', '1'])
    await page.reload()
    await told.filter({ hasText: '51 to 60 of 60' }).waitFor()
    await page.getByRole('button', { name: 'Previous' }).click()
    await told.filter({ hasText: '1 to 50 of 60' }).waitFor()
    await page.getByRole('button', { name: 'Frames in' }).click()
    await cell(page, 'frames', '1').waitFor()
    expect(await page.locator('#table-connections th.c-frames').getAttribute('aria-sort')).toBe('ascending')
    await field('Worker').selectOption('1')
    const ofWorker = await crowd.countOf(1)
    await told.filter({ hasText: `1 to ${Math.min(50, ofWorker)} of ${ofWorker}` }).waitFor()
    expect(new Set(await cells(page, 'worker'))).toEqual(new Set(['1']))
    await field('Client address').fill('10.0.0.0/8')
    await told.filter({ hasText: `None of 0 that match, ${ofWorker} in all` }).waitFor()
    await field('Client address').fill('nonsense')
    await told.filter({ hasText: 'address is "nonsense": expected an IP address' }).waitFor()
    expect(await field('Client address').getAttribute('aria-invalid')).toBe('true')
    expect(faults).toEqual([])
  })

  it('closes a connection for who has the token, and tells why it ended', async () => {
    await using crowd = new Crowd(shared)
    const { client, connection } = await crowd.greet()
    await client.sendFrames(frames.request(frames.ROUTE_ECHO, 1, 'four!'))
    await client.nextFrame()
    await using opened = await open(shared, '#connections')
    const { page, faults } = opened
    await page.getByRole('button', { name: connection }).click()
    const sheet = page.getByRole('dialog', { name: connection })
    await sheet.getByRole('row', { name: /REQUEST 1 echo 1 19/ }).waitFor()
    await sheet.getByRole('row', { name: /HELLO/ }).waitFor()
    await sheet.getByRole('button', { name: 'Close this connection' }).click()
    await page.getByRole('button', { name: 'Close in order' }).click()
    const asked = page.getByRole('dialog', { name: 'Token' })
    await asked.getByLabel('Token').fill('guessed-guessed-guessed')
    await page.keyboard.press('Enter')
    await asked.getByRole('alert').filter({ hasText: 'that is not the token' }).waitFor()
    await asked.getByLabel('Token').fill(TOKEN)
    await page.keyboard.press('Enter')
    await page.locator('.notice.good', { hasText: 'is told to leave' }).waitFor()
    await client.closed()
    await sheet.getByText('closed: ADMIN_CLOSED').waitFor()
    // The token is with this tab alone, and in no address.
    expect(await page.evaluate('Object.values(sessionStorage).join() + "|" + Object.values(localStorage).join()')).toBe(
      `${TOKEN}|`,
    )
    expect(page.url()).not.toContain(TOKEN)
    expect(faults).toEqual([])
  })

  it('has the history of those that ended: why, and the headers of what came last', async () => {
    await using crowd = new Crowd(shared)
    const { client, connection } = await crowd.greet()
    await client.sendFrames(frames.request(frames.ROUTE_GREET, 77, encodeBody({ uid: 1, val: 'x' })))
    await client.nextFrame()
    await client.write(new TextEncoder().encode(GARBAGE))
    await client.closed()
    await using opened = await open(shared, '#closed?class=protocol')
    const { page, faults } = opened
    const row = page.getByRole('row').filter({ hasText: connection })
    await row.filter({ hasText: 'FRAME_TOO_LARGE' }).waitFor()
    await row.getByRole('button').click()
    const sheet = page.getByRole('dialog', { name: connection })
    await sheet.getByText('closed: FRAME_TOO_LARGE').waitFor()
    await sheet.getByRole('row', { name: /REQUEST 2 greet 77/ }).waitFor()
    await sheet.getByRole('row', { name: /no frame – – 474554202f20/ }).waitFor()
    expect(faults).toEqual([])
  })

  it('can be used by keys alone', async () => {
    await using daemon = await startDaemon(ADMIN)
    await using crowd = new Crowd(daemon)
    await crowd.join(3)
    await using opened = await open(daemon, '')
    const { page, faults } = opened
    await page.locator('#state', { hasText: 'ready' }).waitFor()
    await page.keyboard.press('Tab')
    expect(await focused(page)).toBe('Skip to the content')
    await page.keyboard.press('2')
    await page.locator('#told-connections', { hasText: '1 to 3 of 3' }).waitFor()
    await page.keyboard.press('/')
    await page.keyboard.type('127.0.0.1')
    await page.locator('#table-connections tbody tr').nth(2).waitFor()
    while (!(await isAt(page, '#table-connections .opener'))) await page.keyboard.press('Tab')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('End')
    const last = await page.locator('#table-connections .opener').last().textContent()
    expect(await focused(page)).toBe(last)
    await page.keyboard.press('Enter')
    await page.getByRole('dialog', { name: last ?? '' }).waitFor()
    expect(page.url()).toContain(`open=${last}`)
    await page.keyboard.press('Escape')
    await page.locator('dialog').waitFor({ state: 'detached' })
    expect(await focused(page)).toBe(last)
    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keys' }).waitFor()
    await page.keyboard.press('Escape')
    await page.keyboard.press('1')
    await page.locator('#view-overview:not([hidden])').waitFor()
    expect(faults).toEqual([])
  })

  it('keeps its place when the daemon is started again', async () => {
    const again = async (admin: string, listen: string): Promise<Daemon> =>
      startDaemon({ ...ADMIN, SHARDWIRE_ADMIN: admin, SHARDWIRE_LISTEN: listen })
    let other = await startDaemon(ADMIN)
    try {
      const { admin, port } = other
      await using crowd = new Crowd(other)
      await crowd.join(40)
      const ofWorker = await crowd.countOf(1)
      await using opened = await openPage(browser, `${admin}/#connections?sort=frames-in&worker=1`)
      const { page, faults } = opened
      await page.locator('#told-connections', { hasText: `1 to ${ofWorker} of ${ofWorker}` }).waitFor()
      await page.evaluate('scrollTo(0, 300)')
      // At once: while it drained, the page might see that its connections go.
      await other[Symbol.asyncDispose]()
      await page.locator('#state', { hasText: 'not reached' }).waitFor()
      await page.locator('.notice.bad', { hasText: 'the last that was seen' }).waitFor()
      expect(await page.locator('#table-connections tbody tr').count()).toBe(ofWorker)
      other = await again(admin, `tcp://127.0.0.1:${port}`)
      await using next = new Crowd(other)
      await next.join(40)
      await page.locator('#state', { hasText: 'ready' }).waitFor()
      await page.locator('#facts', { hasText: `pid ${other.pid}` }).waitFor()
      const ofNext = await next.countOf(1)
      await page.locator('#told-connections', { hasText: `1 to ${ofNext} of ${ofNext}` }).waitFor()
      expect(await page.evaluate('[scrollY, location.hash]')).toEqual([300, '#connections?sort=frames-in&worker=1'])
      expect(await page.locator('#filters-connections').getByLabel('Worker').inputValue()).toBe('1')
      expect(await page.locator('.notice').count()).toBe(0)
      expect(faults).toEqual([])
    } finally {
      await other[Symbol.asyncDispose]()
    }
  })

  it('holds no stream while nobody sees it', async () => {
    await using opened = await openPage(browser, `${shared.admin}/`, { hasClock: true })
    const { page, faults } = opened
    await page.locator('#state', { hasText: 'ready' }).waitFor()
    const isStream = (request: { url: () => string }): boolean => request.url().endsWith('/api/events')
    const seen = (isSeen: boolean): Promise<unknown> =>
      page.evaluate(
        `Object.defineProperty(document, 'hidden', { value: ${!isSeen}, configurable: true });` +
          `document.dispatchEvent(new Event('visibilitychange'))`,
      )
    const ended = page.waitForEvent('requestfailed', isStream)
    await seen(false)
    // Less than the stream may be silent for.
    await page.clock.fastForward(5000)
    await ended
    const begun = page.waitForRequest(isStream)
    await seen(true)
    await begun
    expect(await page.locator('.notice').count()).toBe(0)
    expect(faults).toEqual([])
  })

  it('shows what others wrote as text, whatever they wrote', async () => {
    await using opened = await openPage(browser, `${shared.admin}/#config`)
    const { page, faults } = opened
    await page.locator('#told-config:not(:empty)').waitFor()
    const row = { id: `a-1${EVIL}`, peer: EVIL, identity: EVIL, state: EVIL, detail: EVIL, reason: 'SERVICE_CLOSED' }
    const numbers = { worker: 0, listener: 0, ageMs: 1, idleMs: 1, bytesIn: 1, bytesOut: 1, framesIn: 1, closedAt: 1 }
    const whole = { ...row, ...numbers, livedMs: 1, unsentBytes: 0, callsInFlight: 0, roundTripMs: null, hold: null }
    const pages = {
      connections: { connections: [whole], matched: 1, total: 1, next: null, missing: [] },
      closed: { closed: [{ ...whole, lastFrames: [{ broken: EVIL }] }], missing: [] },
    }
    for (const [tab, json] of Object.entries(pages)) {
      await page.route(`**/api/${tab}?*`, (route) => route.fulfill({ json }))
      await page.evaluate(`location.hash = '#${tab}'`)
      await page.locator(`#view-${tab} tbody td`, { hasText: EVIL }).first().waitFor()
      expect(await page.locator(`#view-${tab} tbody :is(img, b)`).count()).toBe(0)
    }
    await page.locator('#view-closed .opener').first().click()
    const sheet = page.getByRole('dialog', { name: row.id })
    await sheet.getByText(`no frame`).waitFor()
    expect(await sheet.locator('img, b').count()).toBe(0)
    expect(faults).toEqual([])
  })

  it('gives up a connection whose end nobody knows, and asks no more of it', async () => {
    await using opened = await openPage(browser, `${shared.admin}/#connections?open=another-0-1`)
    const { page, faults } = opened
    const asked: string[] = []
    page.on('request', (request) => asked.push(new URL(request.url()).pathname))
    const sheet = page.getByRole('dialog', { name: 'another-0-1' })
    await sheet.getByText('It has ended, and is not among the last that did').waitFor()
    expect(await sheet.getByRole('button', { name: 'Close this connection' }).isVisible()).toBe(false)
    expect(await sheet.getByText('None came yet').isVisible()).toBe(false)
    const looks = (): number => asked.filter((path) => path === '/api/connections/another-0-1').length
    // A page that is live asks for its rows every two seconds, and for this one every second.
    await eventually(
      () => asked.filter((path) => path === '/api/connections').length > 2,
      () => `it does not live: ${asked.join(' ')}`,
    )
    expect(looks()).toBeLessThanOrEqual(3)
    expect(faults).toEqual([])
  })

  it('asks for a token where reading takes one', async () => {
    await using locked = await startDaemon({
      ...ADMIN,
      SHARDWIRE_ADMIN_READ: 'token',
      SHARDWIRE_ADMIN_READ_TOKEN: READ_TOKEN,
    })
    await using opened = await openPage(browser, `${locked.admin}/`)
    const { page, faults } = opened
    await page.getByRole('dialog', { name: 'Token' }).getByLabel('Token').fill(READ_TOKEN)
    await page.keyboard.press('Enter')
    await tile(page, 'Connections', '0').waitFor()
    // It reads, and does not act.
    await page.getByRole('button', { name: 'Reload…' }).click()
    await page.getByRole('button', { name: 'Reload', exact: true }).click()
    const asked = page.getByRole('dialog', { name: 'Token' })
    await asked.getByText('that is not the token of SHARDWIRE_ADMIN_TOKEN').waitFor()
    await asked.getByLabel('Token').fill(TOKEN)
    await page.keyboard.press('Enter')
    await page.locator('.notice.good', { hasText: 'The reload is done' }).waitFor()
    expect(faults).toEqual([])
  })

  it.each(['light', 'dark'] as const)('fits a phone in the %s, and is told to who does not see it', async (scheme) => {
    await using crowd = new Crowd(shared)
    await crowd.join(2)
    await using opened = await open(shared, '', { width: 390, scheme })
    const { page, faults } = opened
    await page.locator('#state', { hasText: 'ready' }).waitFor()
    await page.evaluate(AXE)
    for (const tab of TABS) {
      await page.evaluate(`location.hash = '#${tab}'`)
      await page.locator(`#view-${tab}:not([hidden])`).waitFor()
      if (tab !== 'overview') await page.locator(`#told-${tab}:not(:empty)`).waitFor()
      expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0)
      expect(await page.evaluate(VIOLATIONS)).toEqual([])
    }
    const ground = await page.evaluate('getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]')
    expect(Number(ground) < 128).toBe(scheme === 'dark')
    expect(faults).toEqual([])
  })
})

/** Clients of one daemon. */
class Crowd implements AsyncDisposable {
  readonly #daemon: Daemon
  readonly #clients: RawClient[] = []

  constructor(daemon: Daemon) {
    this.#daemon = daemon
  }

  /** So many, of which the n-th has had n echoes. */
  async join(count: number): Promise<RawClient[]> {
    const made = await Promise.all(Array.from({ length: count }, () => this.#one()))
    await Promise.all(
      made.map(async (client, index) => {
        const echoes = Array.from({ length: index + 1 }, (_, id) => frames.request(frames.ROUTE_ECHO, id + 1, 'x'))
        await client.sendFrames(...echoes)
        await client.frames(echoes.length)
      }),
    )
    return made
  }

  /** One that said HELLO, and knows what it is called. */
  async greet(): Promise<{ client: RawClient; connection: string }> {
    const client = await this.#one()
    return { client, connection: (await frames.greetServer(client)).connection }
  }

  /** How many of them a worker has: in turn, but for one that stood still and was passed over. */
  async countOf(worker: number): Promise<number> {
    const found = await eventually(
      async () => {
        const response = await fetch(`${this.#daemon.admin}/api/connections?worker=${worker}&limit=1`)
        const { matched, missing } = (await response.json()) as { matched: number; missing: readonly number[] }
        return missing.length === 0 ? { matched } : undefined
      },
      () => `worker ${worker} does not answer`,
    )
    return found.matched
  }

  async #one(): Promise<RawClient> {
    const client = await RawClient.connect(this.#daemon.port)
    this.#clients.push(client)
    return client
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.destroy()
    return Promise.resolve()
  }
}

/** What axe finds, with the elements that it finds it of. */
const VIOLATIONS =
  'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`))'

function tile(page: Page, name: string, value: string): ReturnType<Page['locator']> {
  return page.locator('.tile', { hasText: name }).locator('.value', { hasText: new RegExp(`^${value}$`) })
}

function cell(page: Page, column: string, text: string): ReturnType<Page['locator']> {
  const first = page.locator(`#table-connections tbody tr:first-child .c-${column}`)
  return first.filter({ hasText: new RegExp(`^${text}$`) })
}

async function cells(page: Page, column: string): Promise<string[]> {
  return await page.locator(`#table-connections tbody .c-${column}`).allInnerTexts()
}

async function isAt(page: Page, selector: string): Promise<boolean> {
  return await page.evaluate(`document.activeElement.matches(${JSON.stringify(selector)})`)
}

async function focused(page: Page): Promise<string> {
  return await page.evaluate('document.activeElement.textContent')
}

/** How many colours are in a canvas. */
async function coloursOf(page: Page, selector: string): Promise<number> {
  const canvas = `document.querySelector(${JSON.stringify(selector)})`
  const pixels = `${canvas}.getContext('2d').getImageData(0, 0, ${canvas}.width, ${canvas}.height).data.buffer`
  return await page.evaluate(`new Set(new Uint32Array(${pixels})).size`)
}
