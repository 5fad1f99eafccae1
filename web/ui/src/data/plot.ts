// SPDX-License-Identifier: Apache-2.0

// What a chart is made of, without the drawing.

export interface Line {
  label: string
  values: (number | null)[]
  color?: string // a custom property such as --in
  low?: (number | null)[]
  high?: (number | null)[]
  fill?: boolean
  stacked?: boolean // on top of the stacked lines before it
}

export interface Span {
  from: number // Unix seconds
  to: number
  label: string
}

const palette = ['--in', '--out', '--medium', '--good', '--critical', '--low', '--high', '--accent']

/** tint is the custom property with the colour of a line. */
export const tint = (line: Line, i: number) => line.color ?? palette[i % palette.length] ?? '--in'

const [minute, hour, day] = [60, 3600, 86_400]

/** ticks are the seconds that may lie between two marks of the axis of time: there is nothing below one. */
export const ticks = [
  1, 2, 5, 10, 15, 30, ...[1, 2, 5, 10, 15, 30].map((n) => n * minute), ...[1, 2, 3, 4, 6, 8, 12].map((n) => n * hour),
  ...[1, 2, 3, 4, 5, 7, 10, 15, 30, 60, 90, 180, 365].map((n) => n * day),
]

/** heights is where each line is drawn: its values, or on top of those below it. */
export function heights(lines: Line[]): (number | null)[][] {
  let below: number[] = []
  return lines.map((l) => {
    if (!l.stacked) return l.values
    below = l.values.map((v, i) => (v ?? 0) + (below[i] ?? 0))
    return below
  })
}

/** readings is what the lines say at one moment, in words. */
export function readings(lines: Line[], at: number, unit: (v: number) => string): { label: string; value: string; usual: string }[] {
  return lines.map((l) => {
    const v = l.values[at]
    const low = l.low?.[at]
    const high = l.high?.[at]
    return {
      label: l.label,
      value: v == null ? 'unknown' : unit(v),
      usual: low == null || high == null ? '' : unit(low) + ' to ' + unit(high),
    }
  })
}
