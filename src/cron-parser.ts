/** Where cron-parser comes in: loaded at the first pattern, so that programs without one do not pay for it. */
import type { CronParser } from './core/cron.ts'

let loading: Promise<CronParser> | undefined

/** The one parser; rejects where it cannot be loaded, and is tried again the next time. */
export function loadCronParser(): Promise<CronParser> {
  loading ??= import('cron-parser').then(
    ({ CronExpressionParser }) => CronExpressionParser as CronParser,
    (cause: unknown) => {
      loading = undefined
      throw cause
    },
  )
  return loading
}
