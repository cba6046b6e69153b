import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { MUTANT_VARIABLE, mutation } from './test/mutants/mutation.ts'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** One of the one-line bugs of `test/mutants`, which the tests are to notice. */
const mutant = process.env[MUTANT_VARIABLE]

/** What takes longest begins first, so that nobody waits for it alone at the end. */
const LONGEST = ['model/', 'faults/', 'sim/', 'conformance/', 'crash/', 'redis/', 'queue/bulk', 'examples/']

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONGEST.findIndex((folder) => moduleId.includes(`/test/${folder}`))
      return at < 0 ? LONGEST.length : at
    }
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b))
  }
}

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
    // Modules are loaded once by each worker and not once by each file, which took a second core's time for a third of all files.
    // That is safe as no module keeps anything but what it knows of a host, a store or a client, of which each test has its own.
    isolate: false,
    maxWorkers: '100%',
    sequence: { sequencer: LongestFirst },
    setupFiles: mutant === undefined ? [] : ['test/mutants/first-failure.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
