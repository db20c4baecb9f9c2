/**
 * Owns drawing the charts of a report in the browser, from the data that stands in the page.
 * Must not know: what the charts are about.
 * Invariant: needs nothing but the page itself; colours come from its style sheet, so that light and dark are one code.
 */
;(() => {
  'use strict'
  const specs = JSON.parse(document.getElementById('charts').textContent)
  const drawn = []

  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()
  const isPhone = () => window.innerWidth < 760

  const trim = (text) => text.replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '')
  const digits = (value) => {
    const size = Math.abs(value)
    return trim(size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(2))
  }
  const scaled = (value, step, units) => {
    let unit = 0
    let rest = value
    while (Math.abs(rest) >= step && unit < units.length - 1) {
      rest /= step
      unit++
    }
    return digits(rest) + units[unit]
  }
  const FORMATS = {
    us: (value) =>
      scaled(value, 1000, [' µs', ' ms']).replace(/^(\d{4,}(?:\.\d+)?) ms$/, (_, ms) => digits(ms / 1000) + ' s'),
    count: (value) => scaled(value, 1000, ['', ' k', ' M', ' G']),
    rate: (value) => scaled(value, 1000, ['', ' k', ' M', ' G']) + '/s',
    bytes: (value) => scaled(value, 1024, [' B', ' KB', ' MB', ' GB']),
    seconds: (value) => digits(value) + ' s',
    cores: (value) => digits(value),
    number: (value) => digits(value),
    // A percentile is told by one over what is left above it: 100 is p99.
    percentile: (value) => {
      if (value <= 1) return '0 %'
      const percent = 100 * (1 - 1 / value)
      const decimals = Math.max(0, Math.ceil(Math.log10(value) - 2 - 1e-9))
      return percent.toFixed(decimals) + ' %'
    },
  }

  const ofLog = (unit) => (_, splits) =>
    splits.map((value) => {
      if (value === null || value <= 0) return ''
      const power = Math.log10(value)
      return Math.abs(power - Math.round(power)) < 1e-9 ? FORMATS[unit](value) : ''
    })
  const ofLinear = (unit) => (_, splits) => splits.map((value) => (value === null ? '' : FORMATS[unit](value)))

  /** Of a logarithmic axis only the powers of ten: the lines between say nothing more. */
  const powers = (_, splits) => splits.map((value) => (isPower(value) ? value : null))
  const isPower = (value) => value > 0 && Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-9

  /** Steps of an axis that are whole in its unit. */
  const STEPS = {
    bytes: Array.from({ length: 50 }, (_, power) => 2 ** power),
    count: Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat(),
  }

  const axis = (spec, side) => ({
    stroke: token('--muted'),
    font: '12px ' + token('--sans'),
    ...(spec.scale === 'log' ? { filter: powers } : {}),
    grid: { stroke: token('--line-soft'), width: 1, ...(spec.scale === 'log' ? { filter: powers } : {}) },
    ticks: { stroke: token('--line'), width: 1, size: 4, ...(spec.scale === 'log' ? { filter: powers } : {}) },
    ...(STEPS[spec.unit] === undefined || spec.scale === 'log' ? {} : { incrs: STEPS[spec.unit] }),
    gap: 4,
    size: side === 'y' ? 62 : 34,
    space: side === 'y' ? 30 : isPhone() ? 56 : 74,
    values: spec.scale === 'log' ? ofLog(spec.unit) : ofLinear(spec.unit),
    label: undefined,
  })

  const rangeOf = (spec, of) => {
    if (spec.scale === 'log') {
      const values = of.flat().filter((value) => value !== null && value > 0)
      const [least, most] = [Math.min(...values), Math.max(...values)]
      const low = 10 ** Math.floor(Math.log10(least) + 1e-9)
      return [low, Math.max(10 ** Math.ceil(Math.log10(most) - 1e-9), low * 10)]
    }
    const values = of.flat().filter((value) => value !== null)
    return [Math.min(0, ...values) * 1.06, Math.max(...values, 1e-9) * 1.06]
  }

  const scaleOf = (spec, range) => ({
    distr: spec.scale === 'log' ? 3 : 1,
    log: 10,
    time: false,
    range: () => range,
  })

  function legendOf(element, spec, index) {
    const rows = spec.series.map((series) => {
      const value = index === null ? null : series.values[index]
      const shape = series.style === 'dash' ? 'key dash' : series.style === 'points' ? 'key point' : 'key'
      const colour = `var(--c${series.color})`
      const style = series.style === 'points' ? `background:${colour}` : `border-color:${colour}`
      const said = value === null || value === undefined ? '' : ` <b>${FORMATS[spec.y.unit](value)}</b>`
      return `<span><span class="${shape}" style="${style}"></span>${series.label}${said}</span>`
    })
    const at = index === null ? '' : `<span>${spec.x.name} <b>${FORMATS[spec.x.unit](spec.x.values[index])}</b></span>`
    element.innerHTML = rows.join('') + at
  }

  function lines(spec, place, legend) {
    const size = { width: place.clientWidth, height: isPhone() ? 220 : (spec.height ?? 270) }
    const [xRange, yRange] = [
      spec.x.scale === 'log' ? rangeOf(spec.x, [spec.x.values]) : [spec.x.values[0] ?? 0, spec.x.values.at(-1) || 1],
      rangeOf(spec.y, [...spec.series.map((series) => series.values), spec.y.include ?? []]),
    ]
    if (spec.x.scale === 'log' && spec.x.unit === 'percentile') xRange[1] = spec.x.values.at(-1)
    const series = spec.series.map(({ color, style, label }) => ({
      label,
      stroke: style === 'points' ? 'transparent' : token(`--c${color}`),
      width: 2,
      dash: style === 'dash' ? [6, 5] : undefined,
      fill: style === 'area' ? token('--fill1') : undefined,
      paths: style === 'steps' ? uPlot.paths.stepped({ align: 1 }) : undefined,
      spanGaps: true,
      points: {
        show: style === 'points' || spec.x.values.length <= 24,
        size: 7,
        fill: token(`--c${color}`),
        stroke: token('--card'),
      },
    }))
    const positive = (values) => (spec.y.scale === 'log' ? values.map((value) => (value > 0 ? value : null)) : values)
    return new uPlot(
      {
        ...size,
        scales: { x: scaleOf(spec.x, xRange), y: scaleOf(spec.y, yRange) },
        axes: [axis(spec.x, 'x'), axis(spec.y, 'y')],
        series: [{}, ...series],
        cursor: { points: { size: 8 }, drag: { x: false, y: false } },
        legend: { show: false },
        hooks: { setCursor: [(plot) => legendOf(legend, spec, plot.cursor.idx ?? null)] },
      },
      [spec.x.values, ...spec.series.map((one) => positive(one.values))],
      place,
    )
  }

  /** A colour between the four of the ramp. */
  function rampOf() {
    const stops = ['--heat0', '--heat1', '--heat2', '--heat3'].map((name) => {
      const hex = token(name).slice(1)
      return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16))
    })
    return (value) => {
      const at = Math.min(value, 0.9999) * (stops.length - 1)
      const [from, to] = [stops[Math.floor(at)], stops[Math.floor(at) + 1]]
      const part = at - Math.floor(at)
      return `rgb(${from.map((one, index) => Math.round(one + (to[index] - one) * part)).join(',')})`
    }
  }

  function heat(spec, place, legend) {
    const size = { width: place.clientWidth, height: isPhone() ? 240 : 320 }
    const { columns, edges, cells } = spec
    const most = Math.max(...cells.map(([, , count]) => count))
    const colour = rampOf()
    const told = (text) => {
      const top = FORMATS.count(most)
      const ramp = `<span>1 frame<span class="ramp"></span>${top} in an interval</span>`
      legend.innerHTML = `${ramp}<span>${text}</span>`
    }
    told('')
    const byPlace = new Map(cells.map(([column, row, count]) => [`${column} ${row}`, count]))
    const draw = (plot) => {
      const { ctx } = plot
      ctx.save()
      for (const [column, row, count] of cells) {
        const [left, right] = [columns[column], columns[column + 1]].map((at) => plot.valToPos(at, 'x', true))
        const [bottom, top] = [edges[row], edges[row + 1]].map((at) => plot.valToPos(at, 'y', true))
        ctx.fillStyle = colour(most <= 1 ? 1 : Math.log(count) / Math.log(most))
        // Whole pixels, so that neighbours meet without a seam; wide columns keep one between them.
        const [x, y, end, foot] = [left, top, right, bottom].map(Math.round)
        ctx.fillRect(x, y, Math.max(1, end - x - (end - x > 6 ? 1 : 0)), Math.max(1, foot - y))
      }
      ctx.restore()
    }
    const pointed = (plot) => {
      const { left, top } = plot.cursor
      if (left === undefined || left < 0) return told('')
      const [at, us] = [plot.posToVal(left, 'x'), plot.posToVal(top, 'y')]
      const column = columns.findIndex((edge, index) => edge <= at && at < columns[index + 1])
      const row = edges.findIndex((edge, index) => edge <= us && us < edges[index + 1])
      const count = byPlace.get(`${column} ${row}`) ?? 0
      const between = row < 0 ? '' : `${FORMATS.us(edges[row])} to ${FORMATS.us(edges[row + 1])}`
      told(
        row < 0 || column < 0
          ? ''
          : `${FORMATS.seconds(columns[column])}: <b>${FORMATS.count(count)}</b> at ${between}`,
      )
    }
    const y = { scale: 'log', unit: 'us' }
    const x = { scale: 'linear', unit: 'seconds' }
    return new uPlot(
      {
        ...size,
        scales: {
          x: scaleOf(x, [columns[0], columns.at(-1)]),
          y: scaleOf(y, rangeOf(y, [edges])),
        },
        axes: [axis(x, 'x'), axis(y, 'y')],
        series: [{}, { stroke: 'transparent', points: { show: false } }],
        cursor: { points: { show: false }, drag: { x: false, y: false } },
        legend: { show: false },
        hooks: { drawClear: [draw], setCursor: [pointed] },
      },
      [columns, columns.map(() => edges[0])],
      place,
    )
  }

  function drawAll() {
    for (const { plot } of drawn.splice(0)) plot.destroy()
    for (const spec of specs) {
      const card = document.getElementById(spec.id)
      const [legend, place] = [card.querySelector('.legend'), card.querySelector('.chart')]
      if (spec.kind === 'lines') legendOf(legend, spec, null)
      drawn.push({ plot: spec.kind === 'heat' ? heat(spec, place, legend) : lines(spec, place, legend), place })
    }
  }

  drawAll()
  let width = document.documentElement.clientWidth
  window.addEventListener('resize', () => {
    if (document.documentElement.clientWidth === width) return
    width = document.documentElement.clientWidth
    drawAll()
  })
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll)
})()
