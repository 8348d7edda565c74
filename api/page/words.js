// Everything that the page says, in English and Chinese. A function takes the values in its text.
const photosInEnglish = (n) => (n === 1 ? "1 photo" : `${n} photos`);

const WORDS = {
  running: ["It is running", "服务运行中"],
  notRunning: ["It does not answer", "服务没有响应"],
  what: [
    "This service reads the text in your photos, for MT Photos. Photos stay on this machine.",
    "本服务为 MT Photos 识别照片中的文字。照片不会离开这台机器。",
  ],
  version: ["Version", "版本"],
  runner: ["Runner", "引擎"],
  model: ["Model", "模型"],
  footer: [
    "This page is part of the service and asks no other machine for anything.",
    "本页由服务自带，不会访问任何其他机器。",
  ],

  enterTitle: ["Enter this in MT Photos", "填到 MT Photos 里"],
  address: ["Address", "地址"],
  addressLocal: [
    "You opened this page on the machine itself. MT Photos needs the machine’s address in your network instead of this name, such as 192.168.1.20.",
    "您是在本机上打开此页的。在 MT Photos 里，请把这里的主机名换成这台机器在局域网中的地址，例如 192.168.1.20。",
  ],
  addressHint: [
    "In MT Photos’ system settings, at 智能识别 API (接口地址). If MT Photos runs elsewhere and cannot reach it, look for a firewall.",
    "填在系统设置“智能识别 API”的“接口地址”里。如果 MT Photos 在别的机器上且连接不通，请检查防火墙。",
  ],
  key: ["Key", "密钥"],
  keyFrom: [
    "The value of API_AUTH_KEY that the service was started with: in the container’s environment, or in the file .env beside it. For safety it is not shown here.",
    "启动服务时设置的 API_AUTH_KEY 的值：在容器的环境变量里，或在服务目录的 .env 文件里。为了安全，这里不显示。",
  ],
  copy: ["Copy", "复制"],
  copied: ["Copied", "已复制"],

  tryTitle: ["Try it", "试一试"],
  keyAsk: ["Key (the value of API_AUTH_KEY)", "密钥（API_AUTH_KEY 的值）"],
  keyCheck: ["Use this key", "使用此密钥"],
  keyNote: [
    "Kept for this tab only; it is forgotten when you close it.",
    "只保存在当前标签页中，关闭后即清除。",
  ],
  keyWrong: [
    "This key is not the right one. Copy the value of API_AUTH_KEY again, without quotes around it; after a change of the key, restart the service.",
    "密钥不对。请重新复制 API_AUTH_KEY 的值，前后不要带引号；修改密钥后需要重新启动服务。",
  ],
  keyFits: ["The key is right.", "密钥正确。"],
  keyForget: ["Forget it", "清除密钥"],
  drop: ["Choose photos", "选择照片"],
  dropHint: ["or drop or paste them anywhere on this page", "也可以把照片拖到或粘贴到本页任意位置"],
  needsKey: ["Enter the key to begin", "请先填写密钥"],
  queued: ["Next in line", "等待发送"],
  sending: [(percent) => `Sending, ${percent} %`, (percent) => `正在发送 ${percent}%`],
  reading: ["Reading …", "正在识别…"],
  failed: ["Not read", "未能识别"],
  again: ["Try again", "重试"],
  counted: [
    (done, all) => `${done} of ${photosInEnglish(all)} done`,
    (done, all) => `共 ${all} 张，已完成 ${done} 张`,
  ],
  found: [
    (lines, seconds) => `${lines === 1 ? "1 line" : `${lines} lines`} in ${seconds} s`,
    (lines, seconds) => `${lines} 行，用时 ${seconds} 秒`,
  ],
  nothing: ["There is no text in this photo.", "这张照片里没有文字。"],
  unshown: [
    "This browser cannot show this kind of file. The frames stand where its lines are.",
    "浏览器无法显示这种格式的照片；方框是各行文字所在的位置。",
  ],
  photoAlt: [(name) => `The photo ${name}`, (name) => `照片 ${name}`],
  linesOf: [(name) => `Text in ${name}`, (name) => `${name} 中的文字`],
  unsure: [(score) => `less sure: ${score}`, (score) => `不太确定：${score}`],
  unsureNote: ["Dotted: less sure, a score under 0.8.", "虚线：不太确定，得分低于 0.8。"],
  score: [(score) => `score ${score}`, (score) => `得分 ${score}`],
  copyAll: ["Copy all text", "复制全部文字"],
  download: ["Download JSON", "下载 JSON"],
  curl: ["The same with curl", "用 curl 做同样的事"],
  curlNote: [
    (name) => `Before: export API_AUTH_KEY='the key'. Run it in the folder that ${name} is in, or replace the name after < with the path to it.`,
    (name) => `运行前先执行 export API_AUTH_KEY='密钥'。请在 ${name} 所在的文件夹里运行，或者把 < 后面的文件名换成它的路径。`,
  ],

  unreadable: [
    "This file cannot be read as a photo. Try a JPEG, PNG, WebP or HEIC.",
    "无法把这个文件当作照片读取。请换 JPEG、PNG、WebP 或 HEIC 试试。",
  ],
  noPicture: [
    "This file is no photo, as far as the service can tell. Try a JPEG, PNG, WebP or HEIC.",
    "这个文件看起来不是照片。请换 JPEG、PNG、WebP 或 HEIC 试试。",
  ],
  looksLike: [
    (kind) => `This file is no photo; it looks like ${kind}. Try a JPEG, PNG, WebP or HEIC.`,
    (kind) => `这个文件不是照片，看起来是 ${kind}。请换 JPEG、PNG、WebP 或 HEIC 试试。`,
  ],
  noPreview: [
    "This RAW file has no preview inside, and the service reads nothing else of it. Try a JPEG of the photo.",
    "这个 RAW 文件里没有预览图，而本服务只读取其中的预览图。请换成这张照片的 JPEG 试试。",
  ],
  brokenPicture: ["This picture is broken: the file is damaged or not complete.", "这张图片已损坏：文件有错误或不完整。"],
  tooManyPixels: [
    (width, height, most) => `This picture has ${width} x ${height} pixels; up to ${most} megapixels are read. Raise OCR_MAX_MEGAPIXELS if there is enough memory.`,
    (width, height, most) => `这张图片有 ${width} x ${height} 像素，最多能识别 ${most} 百万像素。如果内存足够，可调大 OCR_MAX_MEGAPIXELS。`,
  ],
  noMemory: [
    "There is not enough memory to read this photo just now. Try again in half a minute.",
    "目前内存不足，无法识别这张照片。请半分钟后再试。",
  ],
  crashes: [
    "Reading this photo made the model’s process crash or take all memory, twice; it is not tried again.",
    "识别这张照片时，模型进程两次崩溃或耗尽内存，不再重试。",
  ],
  tooLarge: [
    "This file is too large. Send a smaller one, or raise OCR_MAX_UPLOAD_MB.",
    "文件太大。请换小一些的，或调大 OCR_MAX_UPLOAD_MB。",
  ],
  busy: [
    "It cannot take this photo now: too many others are waiting, or the model is not loaded. Try again in half a minute.",
    "现在无法接收这张照片：排队的照片太多，或模型尚未就绪。请半分钟后重试。",
  ],
  queueFull: [
    "It cannot take this photo now: too many others are waiting. Try again in half a minute.",
    "现在无法接收这张照片：排队的照片太多。请半分钟后重试。",
  ],
  stopping: [
    "The service is stopping. Try again when it is back.",
    "服务正在停止。请等它恢复后重试。",
  ],
  slow: [
    "Reading this photo took too long. Try again when less is going on, or raise OCR_TIMEOUT.",
    "识别这张照片的时间太长。请在空闲时重试，或调大 OCR_TIMEOUT。",
  ],
  broken: [
    "Something went wrong while it read this photo; the service’s log has the details.",
    "识别这张照片时出错，详情见服务的日志。",
  ],
  says: ["The service says:", "服务返回的原文（英文）："],
  silent: [
    "The service does not answer. Is it still running, and is this device still in its network?",
    "服务没有响应。请确认它还在运行，并且本设备仍连着同一网络。",
  ],

  doingTitle: ["How it is doing", "运行情况"],
  photosRead: ["Photos read", "已识别照片"],
  linesFound: [(n) => `${n === 1 ? "1 line" : `${n} lines`} of text`, (n) => `共 ${n} 行文字`],
  perSecond: ["Per second", "每秒照片数"],
  lately: ["over the last 10 seconds", "最近 10 秒"],
  waiting: ["Waiting", "排队"],
  beingRead: [(n) => `${n} being read`, (n) => `正在识别 ${n} 张`],
  memory: ["Memory", "内存"],
  memoryOf: [
    (service, worker) => `service ${service}, model ${worker}`,
    (service, worker) => `服务 ${service}，模型 ${worker}`,
  ],
  restarts: ["Restarts", "重启次数"],
  none: ["none so far", "尚无"],
  requested: [(n) => `${n} asked for`, (n) => `手动 ${n}`],
  idle: [(n) => `${n} to save memory`, (n) => `空闲释放 ${n}`],
  memoryLimit: [(n) => `${n} over the memory limit`, (n) => `超出内存上限 ${n}`],
  died: [(n) => `${n} after a crash`, (n) => `崩溃 ${n}`],
  timed_out: [(n) => `${n} after a time limit`, (n) => `超时 ${n}`],
  engineFailed: [(n) => `${n} after the engine failed`, (n) => `引擎出错 ${n}`],
  clip: ["CLIP search", "CLIP 搜索"],
  clipAnswers: ["handed on; the service answers", "次已转发；服务有响应"],
  clipSilent: ["handed on; the service does not answer", "次已转发；服务没有响应"],
  clipNotSet: ["CLIP_API_URL is not set", "未设置 CLIP_API_URL"],
  stages: ["Seconds per photo, by stage", "每张照片各阶段用时（秒）"],
  wait: ["wait", "排队"],
  decode: ["decode", "解码"],
  coarse: ["coarse pass", "粗看"],
  detect: ["detect", "检测"],
  recognize: ["recognize", "识别"],
  chart: [(tile) => `${WORDS[tile][0]}, the last minutes`, (tile) => `${WORDS[tile][1]}，最近几分钟`],
  restart: ["Restart the model", "重启模型"],
  restartHint: [
    "Gives its memory back. Photos that are being read are still answered.",
    "可释放内存。正在识别的照片仍会得到结果。",
  ],
  restarting: ["Restarting …", "正在重启…"],
  restartNothing: [
    "No model is in memory just now, so there is nothing to restart; the next photo loads it.",
    "模型此刻不在内存中，无需重启；下一张照片到来时会自动加载。",
  ],
  restartedIdle: [
    (seconds) => `The model was restarted in ${seconds} s. No photo was under way, and none was lost.`,
    (seconds) => `模型已重启，用时 ${seconds} 秒。当时没有正在处理的照片，没有丢失任何照片。`,
  ],
  restartedBusy: [
    (seconds, photos) => `The model was restarted in ${seconds} s. ${photosInEnglish(photos)} under way: all answered, none lost.`,
    (seconds, photos) => `模型已重启，用时 ${seconds} 秒。当时正在处理的 ${photos} 张照片全部得到结果，没有丢失。`,
  ],
  restartedLost: [
    (photos) => `The model was restarted, but ${photosInEnglish(photos)} got no answer; the service’s log says why.`,
    (photos) => `模型已重启，但有 ${photos} 张照片没有得到结果，原因见服务的日志。`,
  ],
  restartSlow: [
    "It is not done after two minutes; the service’s log says why.",
    "两分钟后仍未完成，原因见服务的日志。",
  ],
};
