/** What people are told of a pattern. */
import { nextRuns } from 'holdfast'
import { expect, test } from 'vitest'

test('the next times of a pattern, in the zone it is asked for', async () => {
  const runs = await nextRuns('0 9 * * 1-5', 'America/New_York', 3, new Date('2026-03-05T20:00Z'))
  expect(runs.map((run) => run.toISOString())).toEqual([
    '2026-03-06T14:00:00.000Z',
    '2026-03-09T13:00:00.000Z',
    '2026-03-10T13:00:00.000Z',
  ])
})

test('from now on, five of them, where nobody says', async () => {
  const runs = await nextRuns('@hourly')
  expect(runs).toHaveLength(5)
  expect(runs[0]!.getTime() - Date.now()).toBeLessThanOrEqual(3_600_000)
})

test('fewer where there are no more', async () => {
  expect(await nextRuns('0 0 29 2 *', 'UTC', 3, new Date('2281-01-01'))).toHaveLength(1)
  expect(await nextRuns('@daily', 'UTC', 0)).toEqual([])
})

test.each([
  [
    ['0 0 30 2 *', 'UTC'],
    'SCHEDULE_INVALID',
    /^pattern must be a cron pattern that can be read \(Invalid explicit day/,
  ],
  [['', 'UTC'], 'SCHEDULE_INVALID', /^pattern must be/],
  [['@daily', 'Nowhere/Land'], 'SCHEDULE_INVALID', /^tz must be/],
  [['@daily', 'UTC', -1], 'OPTION_INVALID', /^count must be/],
  [['@daily', 'UTC', 1, new Date(Number.NaN)], 'OPTION_INVALID', /^after must be/],
] as const)('%j is refused', async (given, code, message) => {
  await expect(nextRuns(...(given as unknown as [string]))).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message),
  })
})
