/** The real timers: of any length, although the runtime's end at 2^31 ms. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { systemHost } from '../../src/host.ts'

const SIXTY_DAYS = 60 * 24 * 3_600_000

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test('a timer of sixty days fires then, and once', () => {
  const wake = vi.fn<() => void>()
  systemHost.timer(SIXTY_DAYS, wake)
  vi.advanceTimersByTime(SIXTY_DAYS - 1)
  expect(wake).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  vi.advanceTimersByTime(SIXTY_DAYS)
  expect(wake).toHaveBeenCalledTimes(1)
})

test('a timer that is cancelled on the way leaves nothing', () => {
  const wake = vi.fn<() => void>()
  const cancel = systemHost.timer(SIXTY_DAYS, wake)
  vi.advanceTimersByTime(SIXTY_DAYS / 2)
  cancel()
  expect(vi.getTimerCount()).toBe(0)
})
