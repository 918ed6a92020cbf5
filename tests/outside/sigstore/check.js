// Asks sigstore's JavaScript verifier (npm @sigstore/verify) about files of ours.
//
//   node check.js MODULES proof VKEY accept FILE... refuse FILE...
//   node check.js MODULES dsse PUBLIC.pem accept FILE... refuse FILE...
//
// MODULES: folder that holds node_modules. One line per file, "ok" or "not ok";
// ends with 1 when any came out otherwise. What is asked are the verifier's own
// functions; this file only takes our text apart.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');

const [modules, kind, key, ...files] = process.argv.slice(2);
const home = path.join(modules, 'node_modules/@sigstore/verify/dist');
const { verifyCheckpoint } = require(path.join(home, 'tlog/checkpoint.js'));
const { verifyMerkleInclusion } = require(path.join(home, 'tlog/merkle.js'));
const { DSSESignatureContent } = require(path.join(home, 'bundle/dsse.js'));

// A log as sigstore knows it, from a signed-note verifier key.
function log(vkey) {
  const [name, id] = vkey.trim().split('+');
  const prefix = Buffer.from('302a300506032b6570032100', 'hex');
  const raw = Buffer.from(vkey.trim().slice(name.length + id.length + 2), 'base64');
  return {
    logID: Buffer.from(id, 'hex'),
    baseURL: name,
    publicKey: crypto.createPublicKey({
      key: Buffer.concat([prefix, raw.subarray(1)]),
      format: 'der',
      type: 'spki',
    }),
  };
}

// c2sp.org/tlog-proof@v1: throws unless checkpoint and path hold.
function proof(file) {
  const text = fs.readFileSync(file, 'utf8');
  const split = text.indexOf('\n\n');
  const lines = text.slice(0, split).split('\n');
  const [head, extra, index, ...hashes] = lines;
  if (head !== 'c2sp.org/tlog-proof@v1' || !extra.startsWith('extra ')) {
    throw new Error('no proof file with an entry');
  }
  const entry = {
    canonicalizedBody: Buffer.from(extra.slice(6), 'base64'),
    inclusionProof: {
      logIndex: index.replace(/^index /, ''),
      hashes: hashes.map((h) => Buffer.from(h, 'base64')),
      checkpoint: { envelope: text.slice(split + 2) },
    },
  };
  verifyMerkleInclusion(entry, verifyCheckpoint(entry, [log(key)]));
}

function dsse(file) {
  const env = JSON.parse(fs.readFileSync(file, 'utf8'));
  const content = new DSSESignatureContent({
    payloadType: env.payloadType,
    payload: Buffer.from(env.payload, 'base64'),
    signatures: env.signatures.map((s) => ({ sig: Buffer.from(s.sig, 'base64') })),
  });
  if (!content.verifySignature(crypto.createPublicKey(fs.readFileSync(key)))) {
    throw new Error('signature does not verify');
  }
}

let want = 'accept';
let bad = 0;
for (const file of files) {
  if (file === 'accept' || file === 'refuse') {
    want = file;
    continue;
  }
  let why = 'accepted';
  try {
    (kind === 'proof' ? proof : dsse)(file);
  } catch (e) {
    why = `refused: ${e.message}`;
  }
  const good = why.startsWith(want);
  bad += good ? 0 : 1;
  console.log(`${good ? 'ok' : 'not ok'} ${path.basename(file)} ${why}`);
}
process.exitCode = bad === 0 ? 0 : 1;
