#!/usr/bin/env node
const { enableCompileCache } = require('node:module');

// Node 22 and later keep compiled code between runs; this must come before the first import it is to serve.
enableCompileCache?.();
// oxlint-disable-next-line import/no-unassigned-import -- it is a program: loading it runs it
require('../dist/cli.cjs');
