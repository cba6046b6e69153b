import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: /^holdfast$/, replacement: at('./src/index.ts') },
      { find: /^holdfast\/testing$/, replacement: at('./src/testing.ts') },
      { find: /^holdfast\/conformance$/, replacement: at('./test/conformance/index.ts') },
      { find: /^holdfast\/(memory|level)$/, replacement: `${at('./adapters')}/$1.ts` },
    ],
  },
  test: { include: ['test/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000 },
})
