#!/usr/bin/env node
const module_ = require('node:module');

// Node 22 and later keep compiled code between runs; this must come before the first import it is to serve.
module_.enableCompileCache?.();
require('../dist/cli.cjs');
