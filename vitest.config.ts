import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { MUTANT_VARIABLE, mutation } from './test/mutants/mutation.ts'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** One of the one-line bugs of `test/mutants`, which the tests are to notice. */
const mutant = process.env[MUTANT_VARIABLE]

export default defineConfig({
  plugins: mutant === undefined ? [] : [mutation(mutant)],
  resolve: {
    alias: [
      { find: /^holdfast$/, replacement: at('./src/index.ts') },
      { find: /^holdfast\/testing$/, replacement: at('./src/testing.ts') },
      { find: /^holdfast\/conformance$/, replacement: at('./test/conformance/index.ts') },
      { find: /^holdfast\/(memory|level|redis)$/, replacement: `${at('./adapters')}/$1.ts` },
    ],
  },
  test: {
    globalSetup: 'test/redis/setup.ts',
    include: ['test/**/*.test.ts'],
    setupFiles: mutant === undefined ? [] : ['test/mutants/first-failure.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
