"""Programs that apps call, and what installs them."""

from __future__ import annotations


def _table(text: str) -> dict[str, tuple[str, ...]]:
    pairs = (entry.partition("=") for entry in text.split())
    return {name: tuple(packages.split(",")) if packages else (name,) for name, _, packages in pairs}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: By program, the names of the packages (of systems and of languages) that bring it.
TOOLS = _table("""
convert=imagemagick magick=imagemagick identify=imagemagick mogrify=imagemagick composite=imagemagick
gm=graphicsmagick ffmpeg=ffmpeg,imageio-ffmpeg,ffmpeg-static,static-ffmpeg ffprobe=ffmpeg,ffprobe-static
git=git,git-core curl wget pg_dump=postgresql-client,postgresql,libpq,postgresql16-client
pg_restore=postgresql-client,postgresql psql=postgresql-client,postgresql
mysqldump=mysql-client,mariadb-client,default-mysql-client mysql=mysql-client,mariadb-client,default-mysql-client
mongodump=mongodb-tools,mongodb-database-tools mongorestore=mongodb-tools,mongodb-database-tools
redis-cli=redis,redis-tools sqlite3=sqlite3,sqlite
wkhtmltopdf=wkhtmltopdf,wkhtmltox,wkhtmltopdf-binary,wkhtmltopdf-heroku wkhtmltoimage=wkhtmltopdf,wkhtmltox
pdftotext=poppler-utils,poppler pdftoppm=poppler-utils,poppler pdfinfo=poppler-utils,poppler
pdfimages=poppler-utils,poppler pdftk=pdftk,pdftk-java qpdf gs=ghostscript tesseract=tesseract-ocr,tesseract
soffice=libreoffice libreoffice unoconv pandoc latex=texlive pdflatex=texlive,texlive-latex-base
xelatex=texlive,texlive-xetex latexmk=latexmk,texlive dvipng chromium=chromium,puppeteer,playwright
chromium-browser=chromium,puppeteer google-chrome=google-chrome-stable,puppeteer firefox dot=graphviz gnuplot inkscape
rsvg-convert=librsvg2-bin,librsvg exiftool=libimage-exiftool-perl,exiftool,exiftool-vendored
optipng=optipng,optipng-bin jpegoptim pngquant=pngquant,pngquant-bin cwebp=webp,libwebp-tools gifsicle=gifsicle
vips=libvips-tools,vips sox lame mediainfo mplayer yt-dlp=yt-dlp youtube-dl=youtube-dl aria2c=aria2 zip unzip
7z=p7zip,p7zip-full,7zip 7za=p7zip unrar rsync ssh=openssh-client,openssh scp=openssh-client,openssh
sftp=openssh-client sshpass gpg=gnupg,gpg openssl jq ps=procps netstat=net-tools ifconfig=net-tools lsof
ping=iputils-ping,iputils dig=dnsutils,bind-tools nslookup=dnsutils,bind-tools whois nmap traceroute
sendmail=sendmail,postfix,msmtp,ssmtp docker=docker.io,docker-ce,docker-cli docker-compose kubectl helm terraform
aws=awscli,aws-cli gcloud=google-cloud-sdk,google-cloud-cli gsutil=google-cloud-sdk,gsutil az=azure-cli heroku
node=nodejs,node python=python3,python python3=python3,python ruby php java=openjdk,default-jre,temurin,jre perl
Rscript=r-base,r-base-core clamscan=clamav antiword catdoc xvfb-run=xvfb lp=cups-client,cups svn=subversion
hg=mercurial make gcc=gcc,build-essential,build-base g++=g++,build-essential potrace autotrace mogrify=imagemagick
espeak=espeak,espeak-ng festival abc2midi timidity=timidity fluidsynth blender freecad openscad samtools bwa
blastn=ncbi-blast+ mafft bedtools
""")

#: What a full Debian image of a language carries.
IN_FULL_IMAGES = _words("""
git curl wget convert identify mogrify composite magick ssh scp sftp ps unzip openssl gpg hg svn make gcc g++ perl
python3 sqlite3 mysql_config file patch bzip2 xz
""")
#: What the image of Ubuntu carries beside the plainest tools; Debian's has none of it but perl.
IN_UBUNTU = _words("ps perl")
#: What busybox carries.
IN_ALPINE = _words("wget ps unzip netstat ifconfig ping nslookup traceroute lsof vi nc sendmail")

#: What the stack of a Procfile platform carries.
IN_STACKS = _words("""
git curl wget convert identify mogrify composite ssh scp sftp ps unzip zip openssl gpg make gcc g++ perl python3 psql
pg_dump pg_restore rsync dig nslookup gs jq
""")

#: The program that a language's own image is for.
OF_LANGUAGE = {
    "python": _words("python python3 pip"),
    "javascript": _words("node npm npx yarn"),
    "ruby": _words("ruby bundle gem rake"),
    "php": _words("php composer"),
    "java": _words("java javac"),
    "go": _words("go"),
}
