// SPDX-License-Identifier: Apache-2.0
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vitest/config'

// The built files lie where the Go package `web` embeds them. Everything is a file of its
// own: the server's content security policy allows nothing inline and nothing from elsewhere.
export default defineConfig({
  plugins: [svelte()],
  base: './',
  build: {
    outDir: '../dist',
    emptyOutDir: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
  },
  test: { css: true, include: ['src/**/*.test.ts'] },
  server: { proxy: { '/api': 'http://127.0.0.1:8080' } },
})
