/** Owns the tests of files that users copy: they name only what there is, agree with each other, and tools take them */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { CLOSE_CLASSES, CLOSE_REASONS } from '../../src/close-reason.ts'
import type { Option } from '../../src/config/option.ts'
import { OPTIONS } from '../../src/config/options.ts'
import { METRICS } from '../../src/metrics/definitions.ts'
import { REFUSALS } from '../../src/refusal.ts'

const DEPLOY = new URL('../../deploy/', import.meta.url)
const [UNIT, SOCKET, ENV] = ['service', 'socket', 'env'].map((kind) => `systemd/shardwire.${kind}`)
const [CONTAINER, PODS] = ['container/Containerfile', 'kubernetes/shardwire.yaml']
const [ALERTS, DASHBOARD] = ['prometheus/alerts.yaml', 'grafana/shardwire.json']

function textOf(name = ''): string {
  return readFileSync(new URL(name, DEPLOY), 'utf8')
}

function pathOf(name = ''): string {
  return fileURLToPath(new URL(name, DEPLOY))
}

function has(program: string): boolean {
  return spawnSync(program, ['--version']).status === 0
}

/** The base names of the metrics in a text. */
function metricsIn(text: string): readonly string[] {
  const names = text.match(/\b(?:shardwire|process)_[a-z_]+\b/g) ?? []
  return names.map((name) => (name in METRICS ? name : name.replace(/_(?:bucket|sum|count)$/, '')))
}

/** Milliseconds that a drain may take unless it is told otherwise. */
const DRAIN_MS = 10_000
const SPARE_S = 5

describe.each([UNIT, SOCKET, ENV, CONTAINER, PODS, 'README.md'])('%s', (name) => {
  it('names no option that there is not', () => {
    const rows = Object.values<Option<unknown>>(OPTIONS)
    const names = new Set(rows.flatMap((row) => (row.secret ? [row.name, `${row.name}_FILE`] : [row.name])))
    const named = textOf(name).match(/SHARDWIRE_[A-Z_]+/g) ?? []
    expect(named.filter((one) => !names.has(one))).toEqual([])
  })
})

describe.each([ALERTS, DASHBOARD])('%s', (name) => {
  it('names no metric, label, reason or outcome that there is not', () => {
    const text = textOf(name).replaceAll('\\"', '"')
    const names = metricsIn(text)
    expect(names.length).toBeGreaterThan(15)
    expect(names.filter((one) => !(one in METRICS))).toEqual([])
    const known = new Set([...CLOSE_REASONS, ...REFUSALS])
    for (const [, selected = '', matchers = ''] of text.matchAll(/\b((?:shardwire|process)_[a-z_]+)\{([^}]*)\}/g)) {
      const base = selected in METRICS ? selected : selected.replace(/_(?:bucket|sum|count)$/, '')
      const labels: readonly string[] = Reflect.get(METRICS, base)?.labels ?? []
      for (const [, label = '', value = ''] of matchers.matchAll(/([a-z]+)(?:=~|!=|=)"([^"]*)"/g)) {
        if (label === 'instance') continue
        expect([...labels, 'le'], `${selected}{${matchers}}`).toContain(label)
        if (label === 'class') expect(Object.values(CLOSE_CLASSES)).toContain(value)
        if (label === 'reason') expect(known).toContain(value)
      }
    }
  })
})

describe('alerts', () => {
  const alerts = [...textOf(ALERTS).matchAll(/- alert: (\w+)\n[\s\S]*?severity: (\w+), class: (\w+)/g)]

  it('have one severity for each class of trouble, and name every class that has one', () => {
    expect(alerts.length).toBe(textOf(ALERTS).match(/- alert:/g)?.length)
    const severities = new Map<string, Set<string>>()
    for (const [, , severity = '', kind = ''] of alerts) {
      severities.set(kind, (severities.get(kind) ?? new Set()).add(severity))
    }
    expect(Object.fromEntries([...severities].map(([kind, set]) => [kind, [...set]]))).toEqual({
      system: ['critical'],
      limit: ['warning'],
      transient: ['info'],
      protocol: ['info'],
    })
    const classes = new Set<string>(Object.values(CLOSE_CLASSES))
    expect([...severities.keys()].filter((kind) => !classes.has(kind))).toEqual([])
  })

  it.skipIf(!has('promtool'))('are taken by promtool, and fire when they should', () => {
    const checked = spawnSync('promtool', ['check', 'rules', pathOf(ALERTS)], { encoding: 'utf8' })
    expect(checked.stdout + checked.stderr).toContain('SUCCESS')
    const tests = fileURLToPath(new URL('alerts.yaml', import.meta.url))
    const tested = spawnSync('promtool', ['test', 'rules', tests], { encoding: 'utf8' })
    expect([tested.status, tested.stdout + tested.stderr]).toEqual([0, expect.stringContaining('SUCCESS')])
  })
})

describe('the dashboard', () => {
  it('is one that Grafana imports: panels with queries, of a data source that is chosen then', () => {
    const { panels, templating, uid } = JSON.parse(textOf(DASHBOARD)) as {
      readonly uid: string
      readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] }
      readonly panels: readonly {
        readonly id: number
        readonly type: string
        readonly title: string
        readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
        readonly datasource?: { readonly uid: string }
        readonly targets?: readonly { readonly expr: string }[]
      }[]
    }
    expect(uid).toBe('shardwire')
    expect(templating.list.map(({ name, type }) => [name, type])).toEqual([
      ['datasource', 'datasource'],
      ['instance', 'query'],
    ])
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    for (const { type, title, datasource, targets = [], gridPos } of panels) {
      expect(title).not.toBe('')
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24)
      if (type === 'row') continue
      expect(datasource?.uid).toBe('${datasource}')
      expect(targets.length).toBeGreaterThan(0)
      for (const { expr } of targets) expect(expr).toContain('instance=~"$instance"')
    }
  })

  it.skipIf(!has('promtool'))('has only expressions that Prometheus reads', () => {
    const expressions = [...textOf(DASHBOARD).matchAll(/"expr": (".*")/g)].map(
      ([, text = '""']) => JSON.parse(text) as string,
    )
    const rules = expressions.map((expr, index) => ({
      record: `panel:${index}`,
      expr: expr.replaceAll('$__rate_interval', '1m'),
    }))
    const file = join(mkdtempSync(join(tmpdir(), 'rules-')), 'rules.yaml')
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'panels', rules }] }))
    const { stdout, stderr } = spawnSync('promtool', ['check', 'rules', file], { encoding: 'utf8' })
    expect(stdout + stderr).toContain(`SUCCESS: ${rules.length} rules found`)
  })
})

describe('the systemd unit', () => {
  const unit = textOf(UNIT)
  const setting = (name: string): string | undefined => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1]

  it('gives a drain its time, is told how the daemon is, and kills nobody who drains', () => {
    expect(Number(setting('TimeoutStopSec'))).toBeGreaterThanOrEqual(DRAIN_MS / 1000 + SPARE_S)
    expect([setting('Type'), setting('NotifyAccess'), setting('KillMode')]).toEqual(['notify', 'all', 'mixed'])
    expect(Number(setting('WatchdogSec'))).toBeGreaterThanOrEqual(10)
    expect(setting('RestartPreventExitStatus')).toBe('1 2')
  })

  it.skipIf(!has('systemd-analyze'))('is taken by systemd, and exposes little', () => {
    const folder = mkdtempSync(join(tmpdir(), 'unit-'))
    const file = join(folder, 'shardwire.service')
    // The program is where it was installed: here it is not.
    writeFileSync(file, unit.replace('/usr/bin/shardwire serve', `${process.execPath} serve`))
    writeFileSync(join(folder, 'shardwire.socket'), textOf(SOCKET))
    const verified = spawnSync('systemd-analyze', ['verify', '--man=no', file, join(folder, 'shardwire.socket')], {
      encoding: 'utf8',
    })
    expect(verified.stderr.split('\n').filter((line) => line.includes('shardwire'))).toEqual([])
    const args = ['security', '--offline=true', '--threshold=25', file]
    const judged = spawnSync('systemd-analyze', args, { encoding: 'utf8' })
    expect([judged.status, judged.stdout + judged.stderr]).toEqual([0, expect.stringContaining('OK')])
  })
})

describe('the example for Kubernetes', () => {
  const pods = textOf(PODS)
  const number = (pattern: RegExp): number => Number(pattern.exec(pods)?.[1])

  it('gives preStop and drain their time before it kills', () => {
    const grace = number(/terminationGracePeriodSeconds: (\d+)/)
    const before = number(/preStop: \{ sleep: \{ seconds: (\d+) \} \}/)
    const drain = number(/SHARDWIRE_DRAIN_TIMEOUT_MS, value: '(\d+)'/) / 1000
    expect(grace).toBeGreaterThanOrEqual(before + drain + SPARE_S)
  })

  it('asks whether it should be sent connections, and apart from that whether it lives', () => {
    const probe = (name: string): string | undefined =>
      new RegExp(`${name}Probe:\\n\\s+httpGet: \\{ path: (\\S+), port: admin \\}`).exec(pods)?.[1]
    expect([probe('startup'), probe('readiness'), probe('liveness')]).toEqual(['/readyz', '/readyz', '/livez'])
    expect(pods).toContain('enableServiceLinks: false')
    expect(pods).toContain('runAsNonRoot: true')
  })
})

it('the container runs as nobody in particular, with an init, from a stage that has no build tools', () => {
  const text = textOf(CONTAINER)
  expect(text.match(/^FROM /gm)).toHaveLength(2)
  expect(text).toMatch(/^USER \d+:\d+$/m)
  expect(text).toMatch(/^ENTRYPOINT \["\/usr\/bin\/tini"/m)
  // In the form that has no shell between, which would not hand signals on.
  expect(text).toMatch(/^CMD \["serve"\]$/m)
})
