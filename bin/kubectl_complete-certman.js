#!/usr/bin/env node
// On the PATH beside kubectl-certman, kubectl asks it what completes a command line.
import { fileURLToPath } from 'node:url';

process.argv.splice(1, 1, fileURLToPath(new URL('./certman.js', import.meta.url)), 'complete', '--');
await import('./certman.js');
