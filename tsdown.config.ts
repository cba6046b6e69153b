import { defineConfig } from 'tsdown'

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    testing: 'src/testing.ts',
    memory: 'adapters/memory.ts',
    level: 'adapters/level.ts',
    redis: 'adapters/redis.ts',
    conformance: 'test/conformance/index.ts',
  },
  format: 'esm',
  platform: 'neutral',
  target: 'es2023',
  dts: true,
  // `Symbol.asyncDispose` in the types, for users who name no library that has it.
  banner: { dts: '/// <reference lib="esnext.disposable" />' },
  fixedExtension: false,
  deps: { neverBundle: [/^node:/] },
})
