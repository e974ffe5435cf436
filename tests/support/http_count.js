// SPDX-License-Identifier: Apache-2.0
// A server of Node's own parser (llhttp), strict: says of each connection at its end how many whole
// requests it has seen, a line each. SOCKET LOG
'use strict';
const fs = require('fs');
const http = require('http');

const server = http.createServer({ insecureHTTPParser: false, maxHeaderSize: 16384 },
    (request, response) => {
	request.socket.seen.push(request);
	request.resume();
	request.on('end', () => response.end('taken'));
});
server.on('connection', (socket) => {
	socket.seen = [];
	socket.on('close', () => fs.appendFileSync(process.argv[3],
	    `${socket.seen.filter((r) => r.complete).length}\n`));
});
server.listen(process.argv[2]);
