#!/usr/bin/env node
// On the PATH beside kubectl-certman, kubectl asks it what completes a command line.
process.argv.splice(2, 0, 'complete', '--');
await import('./certman.js');
