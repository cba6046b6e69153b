/** How figures are condensed and shown. */

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}

export function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}
