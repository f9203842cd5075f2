#!/usr/bin/env node
// On the PATH, it makes `kubectl certman` and `oc certman` work.
await import('./certman.js');
